/**
 * The contract: the one source of every port, address and timeout. A leaf; everything else imports
 * it as `#contract`.
 */
export * from "./access.ts";
export * from "./addresses.ts";
export * from "./bindings.ts";
export * from "./bound-ports.ts";
export * from "./authentication.ts";
export * from "./azure-invariants.ts";
export * from "./budgets.ts";
export * from "./certificate-agent.ts";
export * from "./certificate-invariants.ts";
export * from "./certificates.ts";
export * from "./delivery.ts";
export * from "./deployed.ts";
export * from "./findings.ts";
export * from "./invariants.ts";
export * from "./maintenance.ts";
export * from "./parse.ts";
export * from "./ports.ts";
export * from "./resource-ids.ts";
export * from "./server-settings.ts";
export * from "./settings.ts";
export * from "./shared-names.ts";
export * from "./sites.ts";
export * from "./timeouts.ts";
export * from "./tls.ts";
export * from "./logging.ts";
