// Entry of the policy pack: `pulumi preview --policy-pack infra/policy`. Pulumi loads a pack by its
// folder and compiles TypeScript that it loads itself with settings of its own; what this module
// imports, Node runs as it is.
import "./pack.ts";
