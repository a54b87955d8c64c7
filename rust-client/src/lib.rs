//! backup-client
