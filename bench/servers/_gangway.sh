# Gangway in $PEERS/$folder, as it is bundled for a deployment, with $workers worker processes.
. "$(dirname "$0")/_common.sh"
here=$(cd "$(dirname "$0")" && pwd)
server=$PEERS/$folder/server.mjs
[ -f "$server" ] || exit 1
[ "$1" = start ] || exit 0
"$(node_bin)" "$here/gangway_settings.mjs" "$WORK/settings.json" "$workers"
exec "$(node_bin)" "$server" --settings "$WORK/settings.json" --host 127.0.0.1 >/dev/null
