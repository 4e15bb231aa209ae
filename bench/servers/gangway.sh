#!/bin/sh
# Gangway, as it is bundled for a deployment; GANGWAY_SERVER names another build to compare with.
. "$(dirname "$0")/_common.sh"
here=$(cd "$(dirname "$0")" && pwd)
server=${GANGWAY_SERVER:-$here/../.peers/gangway/server.mjs}
[ -f "$server" ] || exit 1
[ "$1" = start ] || exit 0
"$(node_bin)" "$here/gangway_settings.mjs" "$WORK/settings.json"
exec "$(node_bin)" "$server" --settings "$WORK/settings.json" --host 127.0.0.1 >/dev/null
