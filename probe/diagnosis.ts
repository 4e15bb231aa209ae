/**
 * From symptom to suspect: pure. With exposure rows it names the very layer; without them it ranks
 * the layers that show the same symptom and says how to tell them apart.
 */
import { formatRange, isPublicIpv4 } from "#contract";
import { blame, diagnoseDrop, diagnoseRefusal, FILTERS, type Circumstances } from "./blame.ts";
import type { Expectations } from "./options.ts";
import type { Diagnosis, Layer } from "./report.ts";
import type { Symptom } from "./symptoms.ts";

/** Names the layer most likely at fault, the setting to change and what to do. */
export function diagnose(symptom: Symptom, circumstances: Circumstances): Diagnosis {
  const { expected } = circumstances;
  const certificateAdvice = [
    "see what the server shows: openssl s_client -starttls ftp -connect " +
      `${expected.host}:${String(expected.controlPort)} -showcerts`,
  ];
  switch (symptom.kind) {
    case "nameUnknown":
      return blame("publicAddress", "dnsLabel", [
        "check the name, or connect to the public address itself",
      ]);
    case "noAnswer":
    case "unreachable":
      return diagnoseDrop(symptom, circumstances);
    case "refused":
      return diagnoseRefusal(symptom.port, symptom.role, circumstances);
    case "stalled":
    case "lost":
      return blame(
        "server",
        "",
        [
          "the connection opened, so the filters let it through; look at the server's log: journalctl --unit gangway",
        ],
        ["idleTimeout"],
      );
    case "malformedReply":
      return blame("server", "controlPort", [
        "another service, or something on the way that rewrites FTP, answers on this port",
      ]);
    case "unexpectedReply":
      return diagnoseReply(symptom.command, symptom.code, expected);
    case "handshakeFailed":
      return blame(
        "tlsPolicy",
        "tls.minVersion",
        ["compare the TLS versions, and look at the server's log for the certificate it loaded"],
        ["certificate"],
      );
    case "untrusted":
      return blame("certificate", "certificate.kind", [
        "for a self-signed certificate give its fingerprint: --fingerprint SHA256 (an output of the stack)",
        ...certificateAdvice,
      ]);
    case "fingerprintDiffers":
      return blame("certificate", "certificate.kind", [
        "another certificate than the declared one is served: an old delivery, or another server at this address",
        ...certificateAdvice,
      ]);
    case "nameMismatch":
      return blame("certificate", "certificate.hostNames", [
        `add ${symptom.missing.join(", ")} to the certificate, or connect to a name that it covers`,
      ]);
    case "expired":
    case "expiresSoon":
    case "notYetValid":
      return blame("certificate", "certificate.kind", [
        "renew the certificate and deliver it (self-signed: pulumi up; Key Vault: a new version of the secret)",
      ]);
    case "tlsVersion":
      return blame("tlsPolicy", "tls.minVersion", [
        `declared: ${expected.minTlsVersion} and newer`,
      ]);
    case "wrongAddress":
      return diagnoseAddress(symptom.advertised, symptom.expected);
    case "portOutsideRange":
      return blame("serverRange", "passivePorts", [
        `declared: ${formatRange(expected.passivePorts)}; the server runs with another range: deliver its settings again (pulumi up), or give the range it has (--passive-range)`,
      ]);
    case "neverLeased":
      return blame("serverRange", "passivePorts", [
        `declared: ${formatRange(expected.passivePorts)}; the server's own range is narrower: compare with passive.ports in its settings file`,
      ]);
    case "openOutsideRange":
      return blame(
        "serverRange",
        "passivePorts",
        [
          "something listens there and every filter lets it through: compare the rules with gangway exposure",
        ],
        FILTERS,
      );
    case "clearAccepted":
      return symptom.channel === "control"
        ? blame("tlsPolicy", "tls.controlPolicy", [`declared: ${expected.controlPolicy}`])
        : blame("tlsPolicy", "tls.dataPolicy", [`declared: ${expected.dataPolicy}`]);
    case "privateAccepted":
      return blame("tlsPolicy", "tls.dataPolicy", [`declared: ${expected.dataPolicy}`]);
    case "contentDiffers":
    case "missingFromListing":
    case "stillListed":
      return blame(
        "storage",
        "machine.dataDiskGib",
        ["check the data disk (df, dmesg) and the server's log: journalctl --unit gangway"],
        ["server"],
      );
    case "idleLost":
      return blame("idleTimeout", "keepaliveSeconds", [
        "the server's keepalive has to speak before the shortest idle timeout on the way: public address, load balancer, virtual network, and any firewall on the client's side",
        "compare idleTimeoutMinutes with: az network public-ip show --query idleTimeoutInMinutes",
      ]);
    case "closedByServer":
      return blame("server", "", [
        "the server itself ends silent sessions before that (its reply says why): ask for a shorter silence (--idle), still above the idle timeout",
      ]);
    case "layerLacks":
    case "layerExceeds":
      return blame(suspectOf(symptom.layer), "passivePorts", [
        "deliver the declared range to this layer again: pulumi up (pulumi refresh shows what was changed by hand)",
      ]);
  }
}

/** The suspect that a layer of the exposure table stands for. */
function suspectOf(layer: string): Layer {
  switch (layer) {
    case "subnetNsg":
    case "nicNsg":
    case "guestFirewall":
    case "reservedPorts":
      return layer;
    default:
      return "serverRange";
  }
}

function diagnoseReply(command: string, code: number, expected: Expectations): Diagnosis {
  if (command === "USER" || command === "PASS") {
    return blame(
      "account",
      "probe.account",
      [
        `account ${expected.account}: check its password (probePassword), and that the machine got the current deployment`,
      ],
      ["tlsPolicy"],
    );
  }
  if (command === "AUTH TLS") {
    return blame(
      "certificate",
      "certificate.kind",
      [
        "the server offers no TLS: it could not load its certificate; look at its log: journalctl --unit gangway",
      ],
      ["tlsPolicy"],
    );
  }
  if (command.startsWith("PROT") || code === 521 || code === 522) {
    return blame("tlsPolicy", "tls.dataPolicy", [`declared: ${expected.dataPolicy}`]);
  }
  // RFC 959: 552 and 452 are about space, 550 and 553 about the file.
  if ([450, 452, 550, 552, 553].includes(code)) {
    return blame(
      "storage",
      "machine.dataDiskGib",
      [
        "the account of the probe needs read and write in a folder of its own; check space and permissions on the data disk",
      ],
      ["account"],
    );
  }
  if (code === 421) {
    return blame("server", "passivePorts", ["the server is stopping, or has reached a limit"]);
  }
  if (code === 425 || code === 426) {
    return blame(
      "serverRange",
      "passivePorts",
      [
        "the server saw no data connection on the port that it leased: something on the way sends it elsewhere",
      ],
      ["server"],
    );
  }
  return blame("server", "", ["look at the server's log: journalctl --unit gangway"]);
}

function diagnoseAddress(advertised: string, expected: string): Diagnosis {
  const nature = isPublicIpv4(advertised)
    ? `${advertised} is another public address: an earlier deployment's, or a load balancer's`
    : `${advertised} is a private address: the server does not know its public one`;
  return blame("advertisedAddress", "externalAddress", [
    `${nature}; clients that obey the reply cannot connect`,
    `set externalAddress to ${expected}, or leave it empty and deliver again (pulumi up); on the machine: advertisedAddress in deployment.json`,
  ]);
}
