/** The script of a release that puts it in force on the machine. */
import { BUNDLE_LAYOUT } from "#contract";
import {
  MACHINE_FILES,
  SERVICE_NAME,
  SERVICE_USER,
  STAGED_FILES,
  type MachineLayout,
} from "./layout.ts";

/** Releases that stay on the machine: the one in force and those to go back to. */
const KEPT_RELEASES = 3;
/** The server has this long to greet after a restart or reload. */
const HEALTHY_WITHIN_SECONDS = 30;
/** Lines of the server's log that a failure shows; Azure keeps the last 4 KB of all output. */
const LOG_LINES = 15;

/**
 * Renders `deliver.sh RELEASE STAGING`, in bash: both are folders, the release is unpacked and the
 * staging folder holds `STAGED_FILES`. Afterwards the release, settings, firewall and kernel
 * settings are in force and the server greets, or everything is as it was before and the exit
 * status is 1. Can be repeated. A change of settings alone does not restart the server, unless
 * its control ports move.
 */
export function renderDeliveryScript(layout: MachineLayout): string {
  return `#!/bin/bash
# Rendered by Gangway. Usage: deliver.sh RELEASE STAGING
set -euo pipefail
umask 077
release=$1
staging=$2
node=$release/${BUNDLE_LAYOUT.node}
previous_release=$(readlink -e ${layout.current} || true)

say() { printf 'gangway: %s\\n' "$*"; }

# Takes the settings blob apart: one file for each reader.
split_settings() {
  "$node" -e '
    const { readFileSync, writeFileSync } = require("node:fs");
    const [from, to] = process.argv.slice(1);
    const { server, guestFirewall, sysctl } = JSON.parse(readFileSync(from, "utf8"));
    writeFileSync(to + "/settings.json", JSON.stringify(server, undefined, 2) + "\\n");
    writeFileSync(to + "/guest-firewall.nft", guestFirewall);
    writeFileSync(to + "/kernel-settings.conf", sysctl);
  ' "$staging/${STAGED_FILES.machineSettings}" "$staging"
}

listeners_of() {
  "$node" -p 'JSON.stringify(JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")).listen)' "$1"
}

control_port() {
  "$node" -p 'JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")).listen.controlPort' ${layout.settingsFile}
}

# put MODE GROUP SOURCE TARGET: the target changes whole or not at all.
put() {
  mkdir -p "$(dirname "$4")"
  install -m "$1" -o root -g "$2" "$3" "$4.new"
  mv -f "$4.new" "$4"
}

# What a failed delivery returns to.
targets=(${[
    layout.settingsFile,
    layout.deploymentFile,
    `${layout.settingsFolder}/${layout.certificateFile}`,
    layout.guestFirewallFile,
    layout.sysctlFile,
    `${layout.units}/${SERVICE_NAME}`,
  ].join(" ")})
backup=$staging/backup
save() {
  for target in "\${targets[@]}"; do
    if [ -e "$target" ]; then
      mkdir -p "$backup$(dirname "$target")"
      cp -a "$target" "$backup$target"
    fi
  done
}

point_at() {
  ln -sfn "$1" ${layout.current}.new
  mv -fT ${layout.current}.new ${layout.current}
}

apply_rules() {
  # -e: an older kernel goes without the newest settings, which only make it faster.
  sysctl -q -e -p ${layout.sysctlFile}
  nft -f ${layout.guestFirewallFile}
}

# The server greets with 220 once its listeners are open.
healthy() {
  local port line
  port=$(control_port)
  for _ in $(seq ${String(HEALTHY_WITHIN_SECONDS)}); do
    if line=$(exec 3<>"/dev/tcp/127.0.0.1/$port" && IFS= read -r -t 5 -u 3 reply && printf '%s' "$reply") 2>/dev/null; then
      case $line in 220*) return 0 ;; esac
    fi
    sleep 1
  done
  return 1
}

roll_back() {
  trap - EXIT
  set +e
  say "the delivery failed; last lines of the server's log:"
  journalctl -u ${SERVICE_NAME} -n ${String(LOG_LINES)} --no-pager -o cat
  for target in "\${targets[@]}"; do
    if [ -e "$backup$target" ]; then cp -a "$backup$target" "$target"; else rm -f "$target"; fi
  done
  systemctl daemon-reload
  if [ -n "$previous_release" ] && [ -d "$previous_release" ]; then
    point_at "$previous_release"
    apply_rules
    systemctl restart ${SERVICE_NAME}
    say "back at the previous release $(basename "$previous_release")"
  else
    systemctl disable --now ${SERVICE_NAME}
    rm -f ${layout.current}
    say "there is no previous release; the server is stopped"
  fi
  exit 1
}

prune() {
  local folder
  ls -1dt ${layout.releases}/*/ | tail -n +${String(KEPT_RELEASES + 1)} | while IFS= read -r folder; do
    folder=\${folder%/}
    if [ "$folder" != "$release" ] && [ "$folder" != "$previous_release" ]; then rm -rf "$folder"; fi
  done
}

id -u ${SERVICE_USER} >/dev/null 2>&1 ||
  useradd --system --user-group --no-create-home --home-dir ${layout.dataFolder} --shell /usr/sbin/nologin ${SERVICE_USER}
split_settings
# Nothing has changed yet: a ruleset that the kernel refuses ends the delivery here.
nft -c -f "$staging/guest-firewall.nft"

restart=no
[ "$previous_release" = "$release" ] || restart=yes
systemctl --quiet is-active ${SERVICE_NAME} || restart=yes
if [ -e ${layout.settingsFile} ] &&
  [ "$(listeners_of ${layout.settingsFile})" != "$(listeners_of "$staging/settings.json")" ]; then
  restart=yes
fi

save
trap roll_back EXIT
install -d -m 0750 -o root -g ${SERVICE_USER} ${layout.settingsFolder}
install -d -m 0750 -o ${SERVICE_USER} -g ${SERVICE_USER} ${layout.dataFolder}
put 0640 ${SERVICE_USER} "$staging/${STAGED_FILES.certificate}" ${layout.settingsFolder}/${layout.certificateFile}
put 0640 ${SERVICE_USER} "$staging/${STAGED_FILES.deployment}" ${layout.deploymentFile}
put 0640 ${SERVICE_USER} "$staging/settings.json" ${layout.settingsFile}
put 0644 root "$staging/kernel-settings.conf" ${layout.sysctlFile}
put 0644 root "$staging/guest-firewall.nft" ${layout.guestFirewallFile}
put 0644 root "$release/${MACHINE_FILES.unitsFolder}/${SERVICE_NAME}" ${layout.units}/${SERVICE_NAME}
systemctl daemon-reload
apply_rules
systemctl --quiet enable nftables.service
point_at "$release"
if [ "$restart" = yes ]; then
  systemctl --quiet enable ${SERVICE_NAME}
  systemctl restart ${SERVICE_NAME}
else
  systemctl reload ${SERVICE_NAME}
fi
healthy
trap - EXIT
prune
say "release $(basename "$release") is in force ($([ "$restart" = yes ] && echo restarted || echo reloaded))"
`;
}
