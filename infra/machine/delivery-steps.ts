/** The parts of the delivery script that deal with generations of the server, in bash. */
import {
  GENERATION_TEMPLATE,
  LAYOUT,
  generationUnitName,
  SOCKET_UNIT_PATTERN,
  type MachineLayout,
} from "./layout.ts";
import { leavingFileOf, statusSocketOf } from "./service-units.ts";

/** The server has this long to be healthy after its start. */
const HEALTHY_WITHIN_SECONDS = 30;
/** A reload has this long to show in the server's own count. */
const RELOADED_WITHIN_SECONDS = 15;
/** Greetings in a row: both generations accept meanwhile, and one has to meet the new one. */
const GREETINGS = 10;
/** Lines of the server's log that a failure shows; Azure keeps the last 4 KB of all output. */
const LOG_LINES = 15;

/**
 * Connects to the control ports of a settings file, from the machine itself, and wants 220 from
 * each, after the handshake where TLS is implicit. The certificate is the probe's business.
 */
const GREET = `
const { readFileSync } = require("node:fs");
const { listen, sites } = JSON.parse(readFileSync(process.argv[1], "utf8"));
const bound = sites.flatMap(({ bindings }) => bindings);
const doors = [
  ["node:net", listen.controlPort],
  ["node:tls", listen.implicitTlsPort],
  ...bound.map(({ channel, port }) => [channel === "control" ? "node:net" : "node:tls", port]),
].filter(([, port]) => port !== undefined);
const [address = "::"] = listen.addresses ?? [];
const host = { "::": "127.0.0.1", "0.0.0.0": "127.0.0.1" }[address] ?? address;
const greet = (module, port) => new Promise((resolve, reject) => {
  const fail = (why) => reject(new Error("port " + port + ": " + why));
  const socket = require(module).connect({ host, port, rejectUnauthorized: false });
  socket.setTimeout(5000, () => fail("no greeting in 5 s"));
  socket.on("error", (error) => fail(error.message));
  socket.on("close", () => fail("closed without a greeting"));
  socket.once("data", (line) => {
    socket.destroy();
    if (String(line).startsWith("220")) resolve(); else fail(String(line).trim());
  });
});
(async () => {
  for (let left = ${String(GREETINGS)}; left > 0; left -= 1) {
    for (const [module, port] of doors) await greet(module, port);
  }
})().catch((error) => { console.error("gangway: " + error.message); process.exit(1); });
`;

/** Functions: `unit_of`, `start_generation`, `healthy`, `hand_over`, `vacate`, `show_log`, … */
export function renderGenerationSteps(layout: MachineLayout): string {
  const generation = '"$1"';
  const unit = generationUnitName(generation);
  const leaving = leavingFileOf(layout, generation);
  const statusSocket = statusSocketOf(layout, generation);
  return `runs() { systemctl --quiet is-active ${unit}; }

# Asks a generation itself, on its own socket: the ports may be another one's.
ask() { curl --fail --silent --max-time 5 --unix-socket ${statusSocket} "http://localhost/$2"; }

start_generation() {
  install -d -m 0755 ${layout.generations}
  ln -sfn "$release" "${layout.generations}/$1.new"
  mv -fT "${layout.generations}/$1.new" "${layout.generations}/$1"
  rm -f ${leaving}
  systemctl start ${unit}
}

# A generation that ends is not waited for: systemd counts how often it started it again.
healthy() {
  for _ in $(seq ${String(HEALTHY_WITHIN_SECONDS)}); do
    if ! runs "$1" || [ "$(systemctl show --value --property=NRestarts ${unit})" != 0 ]; then
      say "the server ended as soon as it was started"
      return 1
    fi
    if ask "$1" healthz >/dev/null; then return 0; fi
    sleep 1
  done
  say "the server was not healthy within ${String(HEALTHY_WITHIN_SECONDS)} seconds"
  return 1
}

greets() {
  "$node" -e '${GREET}' ${layout.settingsFile}
}

# Reads the settings again and returns when they are in force, by the server's own count.
reload_generation() {
  local before
  before=$(reloads_of "$1")
  systemctl reload ${unit}
  for _ in $(seq ${String(RELOADED_WITHIN_SECONDS)}); do
    if [ "$(reloads_of "$1")" -gt "$before" ]; then return 0; fi
    sleep 1
  done
  say "the server did not take the new settings"
  return 1
}

reloads_of() {
  local count
  count=$( (ask "$1" metrics || true) | sed -n 's/^gangway_settings_reloads_total //p')
  echo "\${count:-0}"
}

# Tells a generation to leave: it accepts nobody any more and ends with its last session, or at
# the deadline that its file names (seconds since 1970). One that does not run stays stopped.
hand_over() {
  install -d -m 0755 ${layout.runFolder}
  echo $(($(date +%s) + handover_seconds)) >${leaving}
  if runs "$1"; then
    systemctl kill --kill-whom=main --signal=SIGUSR2 ${unit}
  else
    systemctl stop ${unit}
  fi
}

# Waits until a generation has left; ends it at its deadline.
vacate() {
  # Before the very first delivery systemd knows no such unit.
  [ -e ${layout.units}/${GENERATION_TEMPLATE} ] || return 0
  if runs "$1"; then
    [ -e ${leaving} ] || hand_over "$1"
    local deadline
    deadline=$(cat ${leaving})
    # Written when longer drains were allowed, it may lie beyond the end of this delivery.
    local latest=$(($(date +%s) + handover_seconds))
    [ "$deadline" -le "$latest" ] || deadline=$latest
    say "the server before the last one still has sessions; it gets at most $((deadline > $(date +%s) ? deadline - $(date +%s) : 0)) seconds"
    while runs "$1" && [ "$(date +%s)" -lt "$deadline" ]; do sleep 1; done
  fi
  systemctl stop ${unit}
}

# What a generation, and systemd about it, has said since this delivery began.
show_log() {
  journalctl --sync || true
  journalctl --no-pager --output=cat --lines=${String(LOG_LINES)} --since="@$began" --unit=${unit}
}

# Socket units that lie on the machine, and those that the settings want; one name per line.
sockets_there() { find ${layout.units} -maxdepth 1 -name '${SOCKET_UNIT_PATTERN}' -printf '%f\\n' | sort; }
sockets_wanted() { find "$staging/root${LAYOUT.units}" -maxdepth 1 -name '${SOCKET_UNIT_PATTERN}' -printf '%f\\n' | sort; }
`;
}
