-- Prosody for Docker Compose: one local domain, clients only, no federation, no registration. Not for production.
data_path = "/var/lib/prosody"
interfaces = { "*" }
c2s_ports = { 5222 }
modules_enabled = { "roster", "saslauth", "disco", "ping" }
modules_disabled = { "s2s", "tls", "http", "limits" }
authentication = "internal_plain"
allow_registration = false
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
log = { info = "*console" }

VirtualHost "localhost"
