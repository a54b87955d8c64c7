//! Keys, ciphers and the checksum (PROTOCOL.md 4 and 5).

use std::sync::{Mutex, MutexGuard, PoisonError};

use backup_protocol::crypto::{self, AesKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use zeroize::Zeroizing;

use crate::args::{self, Buffer};
use crate::dialect::DialectArgument;
use crate::error::Error;

/// A client's RSA key pair: 1024 bits, exponent 17 (PROTOCOL.md 4.1).
///
/// Two are equal if their public keys are. ``repr`` shows no part of the key; a pickle holds all of it.
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct KeyPair(crypto::KeyPair);

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

#[pymethods]
impl KeyPair {
    /// Makes a new pair. This takes some tens of milliseconds.
    #[staticmethod]
    fn generate(py: Python<'_>) -> Result<Self, Error> {
        Ok(Self(
            py.detach(|| crypto::KeyPair::generate(&mut rand::rng()))?,
        ))
    }

    /// Reads a private key from the DER of its PKCS#8 form.
    ///
    /// Raises ``CryptoError`` if it is none or does not fit the protocol.
    #[staticmethod]
    fn from_der(der: Buffer<'_>) -> Result<Self, Error> {
        Ok(Self(crypto::KeyPair::from_pkcs8_der(&der.to_bytes()?)?))
    }

    /// Reads a private key as ``me.info`` has it (PROTOCOL.md 8.3): base64 of the DER, on one line or
    /// wrapped over many.
    ///
    /// Raises ``ValueError`` if it is no base64, and else as ``from_der``.
    #[staticmethod]
    fn from_base64(text: &str) -> Result<Self, Error> {
        let line: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
        let der = STANDARD
            .decode(&*line)
            .map(Zeroizing::new)
            .map_err(|error| PyValueError::new_err(format!("the private key: {error}")))?;
        Ok(Self(crypto::KeyPair::from_pkcs8_der(&der)?))
    }

    /// Reads a private key from PEM, ``-----BEGIN PRIVATE KEY-----``.
    ///
    /// Raises ``ValueError`` if it is no such PEM, and else as ``from_der``.
    #[staticmethod]
    fn from_pem(text: &str) -> Result<Self, Error> {
        let body = text
            .trim()
            .strip_prefix(PEM_BEGIN)
            .and_then(|rest| rest.strip_suffix(PEM_END));
        match body {
            Some(body) => Self::from_base64(body),
            None => Err(PyValueError::new_err("the private key: no PEM of PKCS#8").into()),
        }
    }

    /// The private key as PEM.
    ///
    /// >>> KeyPair.generate().to_pem().splitlines()[0]
    /// '-----BEGIN PRIVATE KEY-----'
    fn to_pem(&self) -> Result<String, Error> {
        let base64 = self.to_base64()?;
        let mut text = format!("{PEM_BEGIN}\n");
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = more;
        }
        Ok(text + PEM_END + "\n")
    }

    /// The DER of the private key's PKCS#8 form.
    fn to_der<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>, Error> {
        Ok(PyBytes::new(py, &self.0.to_pkcs8_der()?))
    }

    /// The private key as ``me.info`` has it: 844 characters if ``generate`` made it.
    fn to_base64(&self) -> Result<String, Error> {
        Ok(STANDARD.encode(&*self.0.to_pkcs8_der()?))
    }

    /// The public key.
    #[getter]
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key().clone())
    }

    /// Unwraps an AES key of 128 bytes as 2102 brings it (PROTOCOL.md 4.2).
    ///
    /// Raises ``CryptoError``: ``wrapped-key-size``, ``unwrap-failed`` or ``aes-key-size``.
    fn unwrap<'py>(
        &self,
        py: Python<'py>,
        wrapped_key: Buffer<'py>,
    ) -> Result<Bound<'py, PyBytes>, Error> {
        let wrapped = wrapped_key.to_bytes()?;
        let key = py.detach(|| self.0.unwrap(&wrapped, &mut rand::rng()))?;
        Ok(PyBytes::new(py, key.as_bytes()))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Self>()
            .is_ok_and(|pair| pair.get().0.public_key() == self.0.public_key())
    }

    fn __hash__(&self) -> u64 {
        self.public_key().__hash__()
    }

    fn __repr__(&self) -> &'static str {
        "<KeyPair>"
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> Result<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,)), Error> {
        let from_der = slf.get_type().getattr("from_der")?;
        Ok((from_der, (slf.get().to_der(slf.py())?,)))
    }
}

/// A client's public key, looked into: an X.509 SubjectPublicKeyInfo in DER of 160 bytes, with a
/// modulus of 1024 bits and an odd exponent from 3 to 127 (PROTOCOL.md 4.1). Where the dialect accepts
/// 162 bytes, they are good as well, with an exponent that takes three (10.8).
///
/// Raises ``CryptoError``, in this order: ``public-key-size``, ``public-key-der``,
/// ``public-key-modulus``, ``public-key-exponent``. ``bytes(public_key)`` gives the bytes.
#[pyclass(frozen, eq, module = "backup_protocol")]
#[derive(PartialEq)]
pub(crate) struct PublicKey(pub(crate) crypto::PublicKey);

#[pymethods]
impl PublicKey {
    #[new]
    #[pyo3(signature = (der, *, dialect = DialectArgument::default()))]
    fn new(der: Buffer<'_>, dialect: DialectArgument) -> Result<Self, Error> {
        let sizes = dialect.0.public_key_sizes;
        Ok(Self(crypto::PublicKey::parse(&der.to_bytes()?, sizes)?))
    }

    /// Wraps an AES key: RSAES-OAEP with SHA-1, 128 bytes, different ones each time (PROTOCOL.md 4.2).
    ///
    /// Raises ``CryptoError``, ``aes-key-size``, if the key is not 16, 24 or 32 bytes.
    fn wrap<'py>(
        &self,
        py: Python<'py>,
        aes_key: Buffer<'py>,
    ) -> Result<Bound<'py, PyBytes>, Error> {
        let key = AesKey::from_bytes(&aes_key.to_bytes()?)?;
        Ok(PyBytes::new(py, &self.0.wrap(&key, &mut rand::rng())?))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn __hash__(&self) -> u64 {
        args::hash(self.0.as_bytes())
    }

    fn __repr__(&self) -> &'static str {
        "<PublicKey>"
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let keywords = PyDict::new(py);
        keywords.set_item("der", self.__bytes__(py))?;
        // Of either size: it was accepted once.
        keywords.set_item("dialect", "seed,key=160+162")?;
        Ok((PyTuple::empty(py), keywords))
    }
}

/// Encrypts a whole file: AES-CBC, an IV of zeros, PKCS#7 padding (PROTOCOL.md 4.3).
///
/// Raises ``CryptoError``, ``aes-key-size``, if the key is not 16, 24 or 32 bytes.
///
/// >>> len(encrypt(bytes(16), b""))
/// 16
#[pyfunction]
pub(crate) fn encrypt<'py>(
    py: Python<'py>,
    aes_key: Buffer<'py>,
    plaintext: Buffer<'py>,
) -> Result<Bound<'py, PyBytes>, Error> {
    let mut encryptor = crypto::Encryptor::new(&AesKey::from_bytes(&aes_key.to_bytes()?)?);
    let mut content = Vec::with_capacity(plaintext.len().saturating_add(crypto::BLOCK_SIZE));
    plaintext.each(py, |bytes| encryptor.update(bytes, &mut content))?;
    encryptor.finish(&mut content);
    Ok(PyBytes::new(py, &content))
}

/// Decrypts the whole content of a 1103.
///
/// Raises ``CryptoError``: ``aes-key-size``, ``content-not-blocks`` if the content is empty or ends
/// inside a block, ``padding`` if the last block does not end in padding.
///
/// >>> decrypt(bytes(16), encrypt(bytes(16), b"text"))
/// b'text'
#[pyfunction]
pub(crate) fn decrypt<'py>(
    py: Python<'py>,
    aes_key: Buffer<'py>,
    content: Buffer<'py>,
) -> Result<Bound<'py, PyBytes>, Error> {
    let mut decryptor = crypto::Decryptor::new(&AesKey::from_bytes(&aes_key.to_bytes()?)?);
    let mut plain = Vec::with_capacity(content.len());
    content.each(py, |bytes| decryptor.update(bytes, &mut plain))?;
    decryptor.finish(&mut plain)?;
    Ok(PyBytes::new(py, &plain))
}

/// Encrypts a file in chunks of any size (PROTOCOL.md 4.3).
///
/// Raises ``CryptoError``, ``aes-key-size``, if the key is not 16, 24 or 32 bytes.
///
/// >>> encryptor = Encryptor(bytes(16))
/// >>> content = encryptor.update(b"te") + encryptor.update(b"xt") + encryptor.finish()
/// >>> content == encrypt(bytes(16), b"text")
/// True
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct Encryptor(Mutex<Option<crypto::Encryptor>>);

#[pymethods]
impl Encryptor {
    #[new]
    fn new(aes_key: Buffer<'_>) -> Result<Self, Error> {
        let key = AesKey::from_bytes(&aes_key.to_bytes()?)?;
        Ok(Self(Mutex::new(Some(crypto::Encryptor::new(&key)))))
    }

    /// Takes the next bytes of the file, and gives the content that is ready: a multiple of 16 bytes,
    /// perhaps none.
    ///
    /// Raises ``ValueError`` after ``finish``.
    fn update<'py>(&self, py: Python<'py>, data: Buffer<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(data.len().saturating_add(crypto::BLOCK_SIZE));
        let mut finished = lock(&self.0).is_none();
        data.each(py, |bytes| match &mut *lock(&self.0) {
            Some(encryptor) => encryptor.update(bytes, &mut out),
            None => finished = true,
        })?;
        if finished {
            Err(finished_error())
        } else {
            Ok(PyBytes::new(py, &out))
        }
    }

    /// Ends the file, and gives the last 16 bytes of the content.
    ///
    /// Raises ``ValueError`` the second time.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let encryptor = lock(&self.0).take().ok_or_else(finished_error)?;
        let mut out = Vec::with_capacity(crypto::BLOCK_SIZE);
        encryptor.finish(&mut out);
        Ok(PyBytes::new(py, &out))
    }
}

/// Decrypts content in chunks of any size (PROTOCOL.md 4.3).
///
/// Raises ``CryptoError``, ``aes-key-size``, if the key is not 16, 24 or 32 bytes.
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct Decryptor(Mutex<Option<crypto::Decryptor>>);

#[pymethods]
impl Decryptor {
    #[new]
    fn new(aes_key: Buffer<'_>) -> Result<Self, Error> {
        let key = AesKey::from_bytes(&aes_key.to_bytes()?)?;
        Ok(Self(Mutex::new(Some(crypto::Decryptor::new(&key)))))
    }

    /// Takes the next bytes of the content, and gives the plaintext that is ready. The last block is
    /// held back: only the end of the content says how much of it is padding.
    ///
    /// Raises ``ValueError`` after ``finish``.
    fn update<'py>(&self, py: Python<'py>, data: Buffer<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(data.len().saturating_add(crypto::BLOCK_SIZE));
        let mut finished = lock(&self.0).is_none();
        data.each(py, |bytes| match &mut *lock(&self.0) {
            Some(decryptor) => decryptor.update(bytes, &mut out),
            None => finished = true,
        })?;
        if finished {
            Err(finished_error())
        } else {
            Ok(PyBytes::new(py, &out))
        }
    }

    /// Ends the content, and gives the plaintext of its last block: 0 to 15 bytes.
    ///
    /// Raises ``CryptoError``: ``content-not-blocks`` or ``padding``; what came out before is then
    /// worth nothing either. Raises ``ValueError`` the second time.
    fn finish<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>, Error> {
        let decryptor = lock(&self.0).take().ok_or_else(finished_error)?;
        let mut out = Vec::with_capacity(crypto::BLOCK_SIZE);
        decryptor.finish(&mut out)?;
        Ok(PyBytes::new(py, &out))
    }
}

/// The checksum of some bytes: that of the POSIX utility ``cksum``, or what the dialect has in its place
/// (PROTOCOL.md 5). What a dialect computes it over is for ``FileCksum``.
///
/// >>> cksum(b"123456789")
/// 930766865
/// >>> hex(cksum(b"123456789", dialect="2023a,crc=zlib"))
/// '0xcbf43926'
#[pyfunction]
#[pyo3(signature = (data, /, *, dialect = DialectArgument::default()))]
pub(crate) fn cksum<'py>(
    py: Python<'py>,
    data: Buffer<'py>,
    dialect: DialectArgument,
) -> PyResult<u32> {
    let mut cksum = backup_protocol::Cksum::with(dialect.0.checksum);
    data.each(py, |bytes| cksum.update(bytes))?;
    Ok(cksum.finish())
}

/// The checksum of some bytes in chunks of any size (PROTOCOL.md 5).
///
/// >>> cksum = Cksum(b"12345")
/// >>> cksum.update(b"6789")
/// >>> cksum.finish()
/// 930766865
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct Cksum(Mutex<backup_protocol::Cksum>);

#[pymethods]
impl Cksum {
    #[new]
    #[pyo3(signature = (data = None, /, *, dialect = DialectArgument::default()))]
    fn new<'py>(
        py: Python<'py>,
        data: Option<Buffer<'py>>,
        dialect: DialectArgument,
    ) -> PyResult<Self> {
        let empty = backup_protocol::Cksum::with(dialect.0.checksum);
        let cksum = Self(Mutex::new(empty));
        if let Some(data) = data {
            cksum.update(py, data)?;
        }
        Ok(cksum)
    }

    /// Takes the next bytes.
    #[pyo3(signature = (data, /))]
    fn update<'py>(&self, py: Python<'py>, data: Buffer<'py>) -> PyResult<()> {
        data.each(py, |bytes| lock(&self.0).update(bytes))
    }

    /// The checksum of what came so far. More may follow.
    fn finish(&self) -> u32 {
        lock(&self.0).clone().finish()
    }

    /// Bytes so far.
    #[getter]
    fn size(&self) -> u64 {
        lock(&self.0).size()
    }
}

/// The checksum of a file as a dialect has it: over the plaintext, with its padding, or over the
/// encrypted content (PROTOCOL.md 5, 10.2). It is told both sides of the cipher, in chunks of any size,
/// and takes the one it needs.
///
/// >>> file_cksum = FileCksum(dialect="2023a,crc=zlib")
/// >>> file_cksum.plain(b"123456789")
/// >>> file_cksum.content(encrypt(bytes(16), b"123456789"))
/// >>> hex(file_cksum.finish())
/// '0xcbf43926'
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct FileCksum(Mutex<backup_protocol::cksum::FileCksum>);

#[pymethods]
impl FileCksum {
    #[new]
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn new(dialect: DialectArgument) -> Self {
        let empty = backup_protocol::cksum::FileCksum::new(&dialect.0);
        Self(Mutex::new(empty))
    }

    /// Takes the next bytes of the plaintext.
    #[pyo3(signature = (data, /))]
    fn plain<'py>(&self, py: Python<'py>, data: Buffer<'py>) -> PyResult<()> {
        data.each(py, |bytes| lock(&self.0).plain(bytes))
    }

    /// Takes the next bytes of the encrypted content.
    #[pyo3(signature = (data, /))]
    fn content<'py>(&self, py: Python<'py>, data: Buffer<'py>) -> PyResult<()> {
        data.each(py, |bytes| lock(&self.0).content(bytes))
    }

    /// The checksum of what came so far. More may follow.
    fn finish(&self) -> u32 {
        lock(&self.0).clone().finish()
    }
}

/// Locks for one piece of work, which never waits for the GIL. What a panic left behind is still
/// memory-safe, and nothing here panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn finished_error() -> PyErr {
    PyValueError::new_err("the stream was finished")
}
