package sha256

// No self-test at start: it brings in HMAC and a check of the whole program.
