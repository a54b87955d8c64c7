//! backup-interop
