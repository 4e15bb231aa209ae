/** The script of a release that puts it in force on the machine. */
import { BUNDLE_LAYOUT } from "#contract";
import { renderGenerationSteps } from "./delivery-steps.ts";
import {
  generationUnitName,
  MACHINE_FILES,
  SERVICE_NAME,
  SERVICE_USER,
  STAGED_FILES,
  type MachineLayout,
} from "./layout.ts";
import { TRUSTED_AUTHORITIES } from "./certificate-units.ts";
import { ENABLED_UNITS } from "./host-files.ts";
import { leavingFileOf } from "./service-units.ts";

/**
 * The clock of Azure's host, as Linux shows it on its machines.
 * https://learn.microsoft.com/azure/virtual-machines/linux/time-sync
 */
const PTP_DEVICE = "/dev/ptp_hyperv";
const CHRONY_FOLDER = "/etc/chrony";

/** Releases that stay on the machine: the one in force and those to go back to. */
const KEPT_RELEASES = 3;
/** Those that run beside the server. */
const COMPANIONS = ENABLED_UNITS.filter((unit) => unit !== SERVICE_NAME);

/**
 * Renders `deliver.sh RELEASE STAGING`, in bash: both are folders, the release is unpacked and the
 * staging folder holds `STAGED_FILES`. Afterwards the release, settings, firewall and kernel
 * settings are in force and the server is healthy, or everything is as it was before and the exit
 * status is 1. Can be repeated.
 *
 * A new release, or a change of the ports that systemd holds, starts a second server (the other
 * generation) on the same sockets; once it is healthy, the first one is told to leave, which it
 * does when its last session ends. So no connection is refused and no transfer is cut, and a
 * server that does not work costs nothing: the former one never stopped accepting. Any other
 * change is a reload.
 */
export function renderDeliveryScript(layout: MachineLayout): string {
  const certificatesFolder = `${layout.settingsFolder}/${layout.certificatesFolder}`;
  return `#!/bin/bash
# Rendered by Gangway. Usage: deliver.sh RELEASE STAGING
set -euo pipefail
umask 077
release=$1
staging=$2
began=$(date +%s)
node=$release/${BUNDLE_LAYOUT.node}
previous_release=$(readlink -e ${layout.current} || true)
# "a" or "b", or nothing on a machine without a server.
previous=$(basename "$(readlink ${layout.current} || true)")
next=a
[ "$previous" != a ] || next=b

say() { printf 'gangway: %s\\n' "$*"; }

# One delivery at a time.
exec 9<"$(dirname "$release")"
flock 9

# Takes the settings blob apart: one file for each reader.
split_settings() {
  "$node" -e '
    const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
    const { dirname } = require("node:path");
    const [from, to] = process.argv.slice(1);
    const { server, guestFirewall, sysctl, files, handoverSeconds } = JSON.parse(readFileSync(from, "utf8"));
    writeFileSync(to + "/settings.json", JSON.stringify(server, undefined, 2) + "\\n");
    writeFileSync(to + "/guest-firewall.nft", guestFirewall);
    writeFileSync(to + "/kernel-settings.conf", sysctl);
    writeFileSync(to + "/handover-seconds", String(handoverSeconds));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(to + "/root" + path), { recursive: true });
      writeFileSync(to + "/root" + path, text);
    }
  ' "$staging/${STAGED_FILES.machineSettings}" "$staging"
}

# The one setting that a server reads at its start and never again.
workers_of() {
  "$node" -p 'JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")).workers' "$1"
}

# put MODE GROUP SOURCE TARGET: the target changes whole or not at all.
put() {
  [ -d "$(dirname "$4")" ] || install -d -m 0755 "$(dirname "$4")"
  install -m "$1" -o root -g "$2" "$3" "$4.new"
  mv -f "$4.new" "$4"
}

# What a failed delivery returns to.
backup=$staging/backup
save() {
  local target
  for target in "\${targets[@]}"; do
    if [ -e "$target" ]; then
      mkdir -p "$backup$(dirname "$target")"
      cp -a "$target" "$backup$target"
    fi
  done
}

restore() {
  local target
  for target in "\${targets[@]}"; do
    rm -rf "$target"
    if [ -e "$backup$target" ]; then cp -a "$backup$target" "$target"; fi
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

# Fetches or orders every certificate that the settings name, before they do. Files that are
# there and good stay as they are; one that is missing ends the delivery.
obtain_certificates() {
  # New files belong to the folder's group, so that the server may read them.
  install -d -m 2750 -o root -g ${SERVICE_USER} ${certificatesFolder}
  install -d -m 0755 -o root -g root ${layout.certificateStateFolder}
  put 0640 root "$staging/${STAGED_FILES.certificateAgent}" ${layout.certificateAgentFile}
  if ! NODE_EXTRA_CA_CERTS=${TRUSTED_AUTHORITIES} flock ${layout.certificateStateFolder} \
    "$node" "$release/${BUNDLE_LAYOUT.certificateAgent}" --settings ${layout.certificateAgentFile} --state ${layout.certificateStateFolder} --now; then
    say "a certificate is missing, for the reason above"
    return 1
  fi
}

# Tells who reads a file of the machine that it has changed.
apply_files() {
  systemctl daemon-reload
  local path
  for path in "\${changed[@]}"; do
    case $path in
      */systemd/system/*.timer) restart_companions=yes ;;
      */journald.conf.d/*) systemctl try-restart systemd-journald.service ;;
      */rsyslog.d/*) systemctl try-restart rsyslog.service ;;
    esac
  done
  if [ "\${restart_companions:-no}" = yes ]; then systemctl try-restart ${COMPANIONS.join(" ")}; fi
}

${renderGenerationSteps(layout)}
roll_back() {
  trap - EXIT
  set +e
  say "the delivery failed; last lines of the server's log:"
  if [ "$started" = yes ]; then show_log "$next"; else show_log "\${previous:-$next}"; fi
  if [ "$started" = yes ]; then
    # Whoever it has accepted may finish; nothing starts it again.
    install -d -m 0755 ${layout.runFolder}
    touch ${leavingFileOf(layout, '"$next"')}
    systemctl stop --no-block ${generationUnitName('"$next"')}
  fi
  [ "\${#new_sockets[@]}" = 0 ] || systemctl --quiet disable --now "\${new_sockets[@]}"
  [ -n "$previous" ] || systemctl --quiet disable --now ${ENABLED_UNITS.join(" ")}
  restore
  # What the release brought may be gone.
  apply_files 2>/dev/null
  if [ -n "$previous" ]; then
    point_at "${layout.generations}/$previous"
    apply_rules
    if runs "$previous"; then systemctl reload ${generationUnitName('"$previous"')}; else systemctl start ${generationUnitName('"$previous"')}; fi
    say "back at the previous release $(basename "$previous_release")"
  else
    say "there is no previous release; the server is stopped"
  fi
  exit 1
}

# Releases beyond the newest, unless a server runs from one.
prune() {
  local folder
  ls -1dt ${layout.releases}/*/ | tail -n +${String(KEPT_RELEASES + 1)} | while IFS= read -r folder; do
    folder=\${folder%/}
    if ! readlink -e ${layout.generations}/a ${layout.generations}/b | grep -qFx "$(readlink -e "$folder")"; then
      rm -rf "$folder"
    fi
  done
}

id -u ${SERVICE_USER} >/dev/null 2>&1 ||
  useradd --system --user-group --no-create-home --home-dir ${layout.dataFolder} --shell /usr/sbin/nologin ${SERVICE_USER}
mkdir "$staging/root"
cp -a "$release/${MACHINE_FILES.hostFolder}/." "$staging/root/"
split_settings
handover_seconds=$(cat "$staging/handover-seconds")
# Nothing has changed yet: a ruleset that the kernel refuses ends the delivery here.
nft -c -f "$staging/guest-firewall.nft"

mapfile -t files < <(find "$staging/root" -type f -printf '%P\\n' | sort)
changed=()
targets=(${[
    layout.settingsFile,
    layout.deploymentFile,
    layout.certificateAgentFile,
    certificatesFolder,
    layout.guestFirewallFile,
    layout.sysctlFile,
  ].join(" ")})
for file in "\${files[@]}"; do
  targets+=("${layout.root}$file")
  cmp -s "$staging/root/$file" "${layout.root}$file" || changed+=("${layout.root}$file")
done
mapfile -t sockets < <(sockets_wanted)
mapfile -t new_sockets < <(comm -13 <(sockets_there) <(sockets_wanted))
mapfile -t old_sockets < <(comm -23 <(sockets_there) <(sockets_wanted))

hand_over_needed=no
[ "$previous_release" = "$release" ] || hand_over_needed=yes
if [ -z "$previous" ] || ! runs "$previous"; then hand_over_needed=yes; fi
[ "\${#new_sockets[@]}\${#old_sockets[@]}" = 00 ] || hand_over_needed=yes
if [ -e ${layout.settingsFile} ] && [ "$(workers_of ${layout.settingsFile})" != "$(workers_of "$staging/settings.json")" ]; then
  hand_over_needed=yes
fi
[ "$hand_over_needed" = no ] || vacate "$next"

save
started=no
trap roll_back EXIT
install -d -m 0750 -o root -g ${SERVICE_USER} ${layout.settingsFolder}
install -d -m 0750 -o ${SERVICE_USER} -g ${SERVICE_USER} ${layout.dataFolder}
put 0644 root "$staging/kernel-settings.conf" ${layout.sysctlFile}
put 0644 root "$staging/guest-firewall.nft" ${layout.guestFirewallFile}
apply_rules
systemctl --quiet enable nftables.service
# Azure's host is the machine's clock; its images say so already, others do not.
if [ -e ${PTP_DEVICE} ] && ! grep -rqs ${PTP_DEVICE} ${CHRONY_FOLDER}; then
  install -d -m 0755 ${CHRONY_FOLDER}/conf.d
  echo "refclock PHC ${PTP_DEVICE} poll 3 dpoll -2 offset 0 stratum 2" >${CHRONY_FOLDER}/conf.d/60-gangway.conf
  systemctl try-restart chrony.service
fi
for file in "\${files[@]}"; do put 0644 root "$staging/root/$file" "${layout.root}$file"; done
apply_files
# Taken before the settings name them, so that a running server cannot take them for itself.
if [ -n "$previous" ] && [ "\${#new_sockets[@]}" -gt 0 ]; then systemctl start "\${new_sockets[@]}"; fi
obtain_certificates
put 0640 ${SERVICE_USER} "$staging/${STAGED_FILES.deployment}" ${layout.deploymentFile}
put 0640 ${SERVICE_USER} "$staging/settings.json" ${layout.settingsFile}

if [ "$hand_over_needed" = yes ]; then
  started=yes
  start_generation "$next"
  healthy "$next"
  greets
  systemctl --quiet enable ${ENABLED_UNITS.join(" ")} "\${sockets[@]}"
  systemctl start ${COMPANIONS.join(" ")}
  point_at "${layout.generations}/$next"
  trap - EXIT
  [ -z "$previous" ] || hand_over "$previous"
  for unit in "\${old_sockets[@]}"; do
    systemctl --quiet disable --now "$unit"
    rm -f "${layout.units}/$unit"
  done
  [ "\${#old_sockets[@]}" = 0 ] || systemctl daemon-reload
  how="generation $next"
else
  reload_generation "$previous"
  greets
  trap - EXIT
  how=reloaded
fi
prune
say "release $(basename "$release") is in force ($how)"
`;
}
