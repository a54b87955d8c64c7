//! backup-server
