# Gangway in $PEERS/$folder, as it is bundled for a deployment, with $workers worker processes.
. "$(dirname "$0")/_common.sh"
server=$PEERS/$folder/server.mjs
[ -f "$server" ] || exit 1
[ "$1" = start ] || exit 0
# scrypt of "bench", as cheap as it gets, for the same reason as PASS_HASH.
scrypt_hash='$scrypt$ln=1,r=1,p=1$Z2FuZ3dheSBiZW5jaG1hcg$UNTAwtnFtu93Dx53tRpE0F4hyA5QDaYT+dWrmdkhjr8'
# Older commits do not know the setting.
[ "$workers" = 1 ] && workers_setting= || workers_setting="\"workers\": $workers,"
cat >"$WORK/settings.json" <<EOF
{
  "listen": { "controlPort": $FTP_PORT },
  "passive": { "ports": "$FTP_PASV_MIN-$FTP_PASV_MAX", "advertisedAddress": "127.0.0.1" },
  "tls": {
    "controlPolicy": "allow",
    "dataPolicy": "allow",
    "certificateFile": "$FTP_CERT",
    "keyFile": "$FTP_KEY"
  },
  $workers_setting
  "dataFolder": "$FTP_ROOT",
  "accounts": [{ "name": "$FTP_USER", "passwordHash": "$scrypt_hash" }]
}
EOF
exec "$(node_bin)" "$server" --settings "$WORK/settings.json" --host 127.0.0.1 >/dev/null
