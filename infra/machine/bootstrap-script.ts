/** The script of the Run Command: fetches what the parameters name and starts its delivery. */
import { dirname } from "node:path/posix";
import { BUNDLE_LAYOUT, METADATA_ADDRESS, METADATA_API_VERSION } from "#contract";
import { MACHINE_FILES, STAGED_FILES, type MachineLayout } from "./layout.ts";

const METADATA_TOKEN_URL = `http://${METADATA_ADDRESS}/metadata/identity/oauth2/token`;
const STORAGE_RESOURCE = "https://storage.azure.com/";
const STORAGE_API_VERSION = "2021-12-02";
/** A new role assignment takes minutes to be honoured; until then the answer is 403. */
const RETRIES = 30;
const RETRY_SECONDS = 10;

/** Programs that a delivery or the machine's upkeep needs, and their packages; Azure's image has them. */
const TOOLS: Readonly<Record<string, string>> = {
  chronyd: "chrony",
  curl: "curl",
  nft: "nftables",
  openssl: "openssl",
  tar: "tar",
  "unattended-upgrade": "unattended-upgrades",
  zstd: "zstd",
};

/**
 * Renders the script, in bash. Its environment holds the `DeliveryParameters` of the contract.
 *
 * @param contentHash hash of everything that is delivered. Azure runs an identical script only
 *   once, so the hash stands in the text.
 */
export function renderBootstrapScript(contentHash: string, layout: MachineLayout): string {
  return `#!/bin/bash
# Rendered by Gangway. Delivers ${contentHash}.
set -euo pipefail
# Or a failure inside $(…) would go unnoticed.
shopt -s inherit_errexit
umask 077

# cloud-init mounts the data disk; nothing may be written below the mount point before.
if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null || true; fi
if ! mountpoint -q ${layout.dataFolder}; then
  echo "gangway: the data disk is not mounted at ${layout.dataFolder}; see /var/log/cloud-init-output.log" >&2
  exit 1
fi
packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
${Object.entries(TOOLS)
  .map(([tool, name]) => `need ${tool} ${name}`)
  .join("\n")}
if [ "\${#packages[@]}" -gt 0 ]; then
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "\${packages[@]}" >/dev/null
fi

# The server runs as an account of its own, which has to get at its release.
install -d -m 0755 ${dirname(layout.releases)} ${layout.releases}

# One delivery at a time. What an earlier one has left was killed, and may hold copies of keys.
install -d -m 0700 ${layout.stagingFolder}
exec 8<${layout.stagingFolder}
flock 8
rm -rf ${layout.stagingFolder}/* ${layout.releases}/.delivery-*
# Secrets stay in memory; a release is unpacked where it can be renamed into place.
staging=$(mktemp -d ${layout.stagingFolder}/XXXXXX)
work=$(mktemp -d ${layout.releases}/.delivery-XXXXXX)
trap 'rm -rf "$work" "$staging"' EXIT

# fetch URL TARGET [HEADER]: headers travel through a pipe, so no token shows in the process list.
fetch() {
  printf 'header = "%s"\\n' "\${@:3}" |
    curl --config - --fail --silent --show-error --location --retry ${String(RETRIES)} --retry-delay ${String(RETRY_SECONDS)} --retry-all-errors --output "$2" "$1"
}

# token RESOURCE: an access token of the machine's identity.
token() {
  local value
  fetch "${METADATA_TOKEN_URL}?api-version=${METADATA_API_VERSION}&client_id=$identityClientId&resource=$1" "$staging/token" "Metadata: true" || return 1
  value=$(sed -n 's/.*"access_token" *: *"\\([^"]*\\)".*/\\1/p' "$staging/token")
  rm -f "$staging/token"
  if [ -z "$value" ]; then
    echo "gangway: the metadata service gave no token for $1; does the machine have its identity?" >&2
    return 1
  fi
  printf '%s' "$value"
}

# fetch_blob URL SHA256 TARGET
fetch_blob() {
  fetch "$1" "$3" "Authorization: Bearer $storage_token" "x-ms-version: ${STORAGE_API_VERSION}" || return 1
  if ! printf '%s  %s\\n' "$2" "$3" | sha256sum --check --status; then
    echo "gangway: $(basename "$3") is not what the stack delivered (SHA-256 differs)" >&2
    exit 1
  fi
}

storage_token=$(token ${STORAGE_RESOURCE})
release_name=$(printf '%s\\n' "$serverSha256" "$runtimeSha256" | sha256sum | cut -c 1-16)
release=${layout.releases}/$release_name
if [ ! -d "$release" ]; then
  mkdir "$work/release"
  fetch_blob "$serverUrl" "$serverSha256" "$work/server"
  tar -C "$work/release" -xf "$work/server"
  # The runtime is large and changes rarely: the previous release's is linked when it is the same.
  if [ "$(cat ${layout.current}/runtime.sha256 2>/dev/null)" = "$runtimeSha256" ]; then
    cp -al "${layout.current}/$(dirname ${BUNDLE_LAYOUT.node})" "$work/release/"
  else
    fetch_blob "$runtimeUrl" "$runtimeSha256" "$work/runtime"
    tar -C "$work/release" -xf "$work/runtime"
  fi
  printf '%s\\n' "$runtimeSha256" >"$work/release/runtime.sha256"
  chmod -R u=rwX,go=rX "$work/release"
  mv "$work/release" "$release"
fi
touch "$release"

fetch_blob "$settingsUrl" "$settingsSha256" "$staging/${STAGED_FILES.machineSettings}"
printf '%s' "$deploymentSecret" >"$staging/${STAGED_FILES.deployment}"
printf '%s' "$certificates" >"$staging/${STAGED_FILES.certificateAgent}"

bash "$release/${MACHINE_FILES.deliveryScript}" "$release" "$staging"
`;
}
