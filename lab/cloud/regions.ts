/** Azure's public regions; the ones with availability zones are marked. */
const REGIONS: Readonly<Record<string, { readonly zones: boolean }>> = Object.fromEntries([
  ...[
    "australiaeast",
    "austriaeast",
    "belgiumcentral",
    "brazilsouth",
    "canadacentral",
    "centralindia",
    "centralus",
    "chilecentral",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "germanywestcentral",
    "indonesiacentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "koreacentral",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northeurope",
    "norwayeast",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southcentralus",
    "southeastasia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "uaenorth",
    "uksouth",
    "westeurope",
    "westus2",
    "westus3",
  ].map((name) => [name, { zones: true }] as const),
  ...[
    "australiacentral",
    "australiasoutheast",
    "canadaeast",
    "germanynorth",
    "koreasouth",
    "northcentralus",
    "norwaywest",
    "southafricawest",
    "southindia",
    "switzerlandwest",
    "uaecentral",
    "ukwest",
    "westcentralus",
    "westindia",
    "westus",
  ].map((name) => [name, { zones: false }] as const),
]);

/** `West Europe` and `WestEurope` are `westeurope`. */
export function normalizeRegion(location: string): string {
  return location.replaceAll(" ", "").toLowerCase();
}

/** Zones of a region: none, or 1 to 3. Undefined when there is no such region. */
export function zonesOf(location: string): readonly string[] | undefined {
  const region = REGIONS[normalizeRegion(location)];
  if (region === undefined) return undefined;
  return region.zones ? ["1", "2", "3"] : [];
}

/** Every region's name. */
export function regionNames(): readonly string[] {
  return Object.keys(REGIONS).toSorted();
}
