/** The public ledger of what the lab simulates; docs/lab-coverage.md is generated from it. */
import { CLOUD_FUNCTIONS } from "./functions.ts";
import type { ObjectShape, PropertyShape, Shape } from "./shapes.ts";
import { RESOURCE_TYPES } from "./types/index.ts";

/** One property that the lab takes. */
export interface CoveredProperty {
  /** `securityRules[].priority`. */
  readonly path: string;
  readonly depth: "effect" | "recorded";
  /** Values besides the simulated ones that Azure takes and the lab refuses. */
  readonly unsimulated: readonly string[];
}

/** One type that the lab takes. */
export interface CoveredType {
  readonly token: string;
  readonly apiVersion: string;
  readonly replacedBy: readonly string[];
  readonly properties: readonly CoveredProperty[];
}

/** Everything simulated, in the order of the ledger. */
export interface Coverage {
  readonly types: readonly CoveredType[];
  readonly functions: readonly string[];
}

/** Describes all simulated types with their properties, and all functions. */
export function describeCoverage(): Coverage {
  return {
    types: RESOURCE_TYPES.map((type) => ({
      token: type.token,
      apiVersion: type.apiVersion,
      replacedBy: [...type.parents, type.naming.property, ...type.replacedBy],
      properties: inObject(type.properties, "", "effect"),
    })),
    functions: CLOUD_FUNCTIONS.map(({ token }) => token),
  };
}

function inObject(
  properties: ObjectShape,
  base: string,
  depth: CoveredProperty["depth"],
): readonly CoveredProperty[] {
  return Object.entries(properties).flatMap(([name, property]) =>
    inProperty(property, base === "" ? name : `${base}.${name}`, depth),
  );
}

function inProperty(
  property: PropertyShape,
  path: string,
  above: CoveredProperty["depth"],
): readonly CoveredProperty[] {
  const depth = above === "recorded" ? above : property.depth;
  return inShape(property.shape, path, depth);
}

function inShape(
  shape: Shape,
  path: string,
  depth: CoveredProperty["depth"],
): readonly CoveredProperty[] {
  switch (shape.kind) {
    case "object":
      return inObject(shape.properties, path, depth);
    case "list":
      return inShape(shape.items, `${path}[]`, depth);
    case "reference":
      return [{ path: `${path}.id`, depth, unsimulated: [] }];
    case "choice":
      return [{ path, depth, unsimulated: shape.unsimulated }];
    case "text":
    case "whole":
    case "flag":
    case "map":
    case "asset":
    case "anything":
      return [{ path, depth, unsimulated: [] }];
  }
}

/** The ledger as a page. */
export function formatCoverage(coverage: Coverage): string {
  const types = coverage.types.flatMap((type) => [
    `## ${type.token}`,
    "",
    `${versionOf(type)} Replaced by a change of ${type.replacedBy.map(code).join(", ")}.`,
    "",
    ...type.properties.map((property) => `- ${code(property.path)}${remarksOf(property)}`),
    "",
  ]);
  return [
    "# What the lab simulates",
    "",
    "Generated from `lab/cloud` by `npm run generate`; a test fails when the two differ.",
    "",
    "Everything that is not listed is refused as `NotSimulated`, with the type and the property: the lab",
    "does not guess. A property without a remark has an effect in the lab, or is checked as Azure checks",
    "it. _Recorded_ ones are checked for form and kept; nothing in the lab depends on them. _Not_ names",
    "values that Azure takes and the lab refuses.",
    "",
    "Refusals carry the codes of the Azure Resource Manager, as seen in public reports. Where no report",
    "shows the code, the lab's own stands in: `PublicIPAddressHasInvalidIdleTimeout`,",
    "`InvalidFlowTimeoutInMinutes`, `SecurityRuleCountLimitReached`,",
    "`SecurityRuleAddressPrefixLimitReached`, `BastionSubnetInvalid`, `BackupVaultNotEmpty`,",
    "`InvalidAlertWindow`, and `VMExtensionProvisioningError` for Run Commands; the rules behind them are",
    "Azure's. `ResourceExists` is what Pulumi's provider says.",
    "",
    ...types,
    "## Functions",
    "",
    ...coverage.functions.map((token) => `- ${code(token)}`),
    "",
  ].join("\n");
}

function versionOf({ apiVersion }: CoveredType): string {
  return apiVersion === "" ? "The provider's own resource." : `API version ${apiVersion}.`;
}

function remarksOf({ depth, unsimulated }: CoveredProperty): string {
  const remarks = [
    ...(depth === "recorded" ? ["recorded"] : []),
    ...(unsimulated.length === 0 ? [] : [`not ${unsimulated.map(code).join(", ")}`]),
  ];
  return remarks.length === 0 ? "" : `: ${remarks.join("; ")}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
