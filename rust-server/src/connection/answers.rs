//! What the session asks of the store, and what the limits say to it.

use backup_protocol::crypto::{AesKey, PublicKey};
use backup_protocol::dialect::PublicKeySizes;
use backup_protocol::session::Refusal;
use backup_protocol::session::server::{Answer, Ask, Learned, UploadId};
use backup_protocol::wire::{ClientId, Name, VerdictKind};
use tracing::{info, warn};

use super::{Connection, exceeded, failed, over};
use crate::event::Event as Told;
use crate::limits::Exceeded;
use crate::metrics;
use crate::store::{Judged, KeysSet, NewClient, NewKeys, Registered, Store, StoreError, VersionId};
use crate::text::Shown;

impl<S: Store> Connection<S> {
    pub(super) async fn ask(&mut self, ask: Ask) -> Answer {
        match self.is_certified(&ask).await {
            Ok(true) => {}
            Ok(false) => return Answer::Refused(Refusal::NameDiffers),
            Err(error) => return Answer::Refused(failed(&error)),
        }
        let answer = match ask {
            Ask::Register { name } => self.register(name).await,
            Ask::SendPublicKey {
                client,
                name,
                public_key,
                aes_key,
            } => {
                let public_key = public_key.as_bytes().to_vec();
                let name = name.as_str().to_owned();
                let keys = NewKeys {
                    name,
                    public_key,
                    aes_key,
                    version: self.version(),
                };
                self.shared
                    .store
                    .set_keys(client, keys)
                    .await
                    .map(|set| match set {
                        KeysSet::Done => Answer::KeyStored,
                        KeysSet::UnknownClient => Answer::Refused(Refusal::UnknownClient),
                        KeysSet::NameDiffers => Answer::Refused(Refusal::NameDiffers),
                    })
            }
            Ask::Reconnect { client, name } => self.reconnect(client, &name).await,
            Ask::StoreAesKey { client, aes_key } => {
                let version = self.version();
                let stored = self.shared.store.set_aes_key(client, aes_key, version);
                stored.await.map(|known| match known {
                    true => Answer::KeyStored,
                    false => Answer::Refused(Refusal::UnknownClient),
                })
            }
            Ask::Recall { client } => {
                let client = self.shared.store.client(client).await;
                client.map(|client| Answer::Recalled(client.and_then(|client| client.learned)))
            }
            Ask::SendFile {
                client,
                content_size,
                ..
            } => self.may_come(client, content_size).await,
            Ask::Verdict {
                client,
                kind,
                file_name,
                upload,
            } => self.judge(client, kind, &file_name, upload).await,
        };
        answer.unwrap_or_else(|error| Answer::Refused(failed(&error)))
    }

    /// Whether the certificate of the peer, if it needs one, is for the client in whose name it asks.
    async fn is_certified(&self, ask: &Ask) -> Result<bool, StoreError> {
        let Some(certified) = &self.peer.certified else {
            return Ok(true);
        };
        Ok(match ask {
            Ask::Register { name }
            | Ask::SendPublicKey { name, .. }
            | Ask::Reconnect { name, .. } => name.as_str() == certified,
            Ask::SendFile { client, .. }
            | Ask::Verdict { client, .. }
            | Ask::StoreAesKey { client, .. }
            | Ask::Recall { client } => {
                let client = self.shared.store.client(*client).await?;
                // Of a client that is not there, nothing can be had.
                client.is_none_or(|client| client.name == *certified)
            }
        })
    }

    async fn register(&self, name: Name) -> Result<Answer, StoreError> {
        let limits = &self.shared.config.limits;
        if !self.shared.registrations.may_come(self.peer.address) {
            let most = limits.registrations_per_minute;
            return Ok(Answer::Refused(over(&Exceeded::Registrations { most })));
        }
        let id = ClientId::generate(&mut rand::rng());
        let new = NewClient {
            id,
            name: name.as_str().to_owned(),
            version: self.version(),
        };
        let most = limits.max_clients;
        match self.shared.store.register(new, most).await? {
            Registered::Done => {}
            Registered::NameTaken => return Ok(Answer::Refused(Refusal::NameTaken)),
            Registered::Full => return Ok(Answer::Refused(over(&Exceeded::Clients { most }))),
        }
        info!(client = %id, name = %Shown(name.as_str()), "registered");
        self.shared.tell(|| Told::Registered {
            client: id,
            name: name.as_str().to_owned(),
        });
        Ok(Answer::Registered(id))
    }

    async fn reconnect(&self, client: ClientId, name: &Name) -> Result<Answer, StoreError> {
        let version = self.version();
        let Some(known) = self.shared.store.seen(client, version).await? else {
            return Ok(Answer::Refused(Refusal::UnknownClient));
        };
        if known.name != name.as_str() {
            return Ok(Answer::Refused(Refusal::NameDiffers));
        }
        // Of any size: what is stored was looked into when it came.
        let parse = |key: Vec<u8>| PublicKey::parse(&key, PublicKeySizes::ShortAndLong).ok();
        let Some(public_key) = known.public_key.and_then(parse) else {
            return Ok(Answer::Refused(Refusal::NoKey));
        };
        let spent = |key: &AesKey| self.shared.spent_keys.is_spent(client, key);
        let aes_key = match known.aes_key {
            Some(aes_key) if !spent(&aes_key) => aes_key,
            // It was dropped; without another one a client of such a dialect would take itself for unknown.
            _ => {
                let aes_key =
                    AesKey::generate(self.session.dialect().aes_key_size, &mut rand::rng());
                let stored = self
                    .shared
                    .store
                    .set_aes_key(client, aes_key.clone(), version);
                if !stored.await? {
                    return Ok(Answer::Refused(Refusal::UnknownClient));
                }
                aes_key
            }
        };
        Ok(Answer::Keys {
            public_key,
            aes_key,
        })
    }

    /// A client is served all the same if this cannot be kept; it is learned again then.
    pub(super) async fn learn(&self, client: ClientId, learned: &Learned) {
        match self.shared.store.learn(client, learned.clone()).await {
            Ok(true) => info!(%client, dialect = learned.dialect(), "dialect learned"),
            Ok(false) => {}
            Err(error) => {
                let _ = failed(&error);
            }
        }
    }

    async fn may_come(&mut self, id: ClientId, content_size: u32) -> Result<Answer, StoreError> {
        // Of a file that was broken off.
        self.room = None;
        let Some(client) = self.shared.store.client(id).await? else {
            return Ok(Answer::Refused(Refusal::UnknownClient));
        };
        if client.disabled {
            return Err(StoreError::Disabled);
        }
        let shared = &self.shared;
        let (store, limits) = (&*shared.store, &shared.config.limits);
        match shared
            .ledger
            .reserve(store, limits, id, content_size)
            .await?
        {
            Ok(room) => self.room = Some(room),
            Err(limit) => return Ok(Answer::Refused(exceeded(id, &limit))),
        }
        Ok(Answer::Accepted {
            stored_key: client.aes_key,
        })
    }

    /// What metrics call the client, if they are to tell clients apart.
    async fn label(&self, client: ClientId) -> Result<Option<String>, StoreError> {
        if !self.shared.config.metrics_of_clients {
            return Ok(None);
        }
        let client = self.shared.store.client(client).await?;
        Ok(client.map(|client| client.label))
    }

    async fn judge(
        &self,
        client: ClientId,
        kind: VerdictKind,
        file_name: &Name,
        upload: Option<UploadId>,
    ) -> Result<Answer, StoreError> {
        let version = upload.map(|UploadId(number)| VersionId(number));
        let name = file_name.as_str().to_owned();
        let store = &self.shared.store;
        let judged = match kind {
            VerdictKind::Right => store.verify(client, name, version).await?,
            VerdictKind::Wrong | VerdictKind::GiveUp => {
                store.remove_waiting(client, name, version).await?
            }
        };
        match judged {
            Judged::NothingWaiting => return Ok(Answer::Refused(Refusal::NothingWaiting)),
            Judged::UnknownClient => return Ok(Answer::Refused(Refusal::UnknownClient)),
            Judged::Honoured => {}
        }
        let file = Shown(file_name.as_str());
        match kind {
            VerdictKind::Right => {
                info!(%client, %file, "verified");
                metrics::verified(self.label(client).await.unwrap_or_default());
            }
            VerdictKind::Wrong => {
                warn!(%client, %file, "cksum wrong, the file comes again");
                metrics::repeated();
            }
            VerdictKind::GiveUp => {
                warn!(%client, %file, "cksum wrong, the client gave up");
                metrics::given_up();
            }
        }
        self.shared.tell(|| Told::Judged {
            client,
            file_name: file_name.as_str().to_owned(),
            kind,
        });
        Ok(Answer::VerdictTaken)
    }
}
