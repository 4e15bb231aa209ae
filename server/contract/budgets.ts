/**
 * Azure's limits that bound a declaration.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 */

/** Load-balancing and NAT rules per Standard load balancer. */
export const RULES_PER_LOAD_BALANCER = 1500;
/** Address prefixes on one side (source or destination) of one network security group. */
export const PREFIXES_PER_SECURITY_GROUP = 4000;
/** A rule for the explicit and one for the implicit control port. */
const CONTROL_RULES = 2;

/**
 * The widest passive range of a deployment. A single machine needs one rule however wide the range
 * is; the load balancer's budget still bounds it, so that a stack can become a fleet without
 * moving the ports that partners have opened. (N ports serve N pending data connections *per
 * client address*, so even a large site needs far fewer.)
 */
export const WIDEST_PASSIVE_RANGE = RULES_PER_LOAD_BALANCER - CONTROL_RULES;
