//! backup-protocol
