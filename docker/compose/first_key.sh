#!/bin/sh
# At the first start: makes a client key, tells it once, keeps its hash in the configuration; makes the
# admin token that sluice and Prometheus share. Later starts find both and do nothing.
# Called by the service first-key of docker/compose.yaml; CONFIG and TOKEN are for tests.
set -eu
config=${CONFIG:-/etc/sluice} token=${TOKEN:-/run/sluice-token}
umask 022

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# Written beside and moved: nobody reads half a file.
if [ ! -s "$token/admin" ]; then
    random >"$token/admin.new"
    # Prometheus runs as a user of its own; the volume is mounted in these two services only.
    chmod 0444 "$token/admin.new"
    mv "$token/admin.new" "$token/admin"
fi

if [ -s "$config/keys.yaml" ]; then
    echo "keys.yaml is there already; its first key was told when it was made"
    exit 0
fi
key="sk-sluice-$(random)"
hash=$(printf %s "$key" | sha256sum | cut -d' ' -f1)
cat >"$config/keys.yaml.new" <<YAML
# Made at the first start. Only hashes stand here: a key that is lost is replaced, not found.
keys:
  first:
    keys:
      first: {hash: "sha256:$hash"}
YAML
mv "$config/keys.yaml.new" "$config/keys.yaml"
cat <<TEXT
The client key, told this once: $key
  curl http://127.0.0.1:8080/v1/chat/completions -H "Authorization: Bearer $key" \\
    -H "Content-Type: application/json" \\
    -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}'
TEXT
