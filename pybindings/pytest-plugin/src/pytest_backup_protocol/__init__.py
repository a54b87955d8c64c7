"""pytest for programs that speak the backup protocol: fixtures, and the conformance run as tests."""
