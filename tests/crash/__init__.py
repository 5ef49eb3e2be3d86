"""The proof that a crash loses nothing: real daemons, killed, between a real platform and real inboxes on loopback."""
