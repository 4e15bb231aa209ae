/** Serves the component package to the engine, on the port that it prints. */
import * as pulumi from "@pulumi/pulumi";
import { GangwayPackage } from "./provider.ts";

process.once("disconnect", () => process.exit());
await pulumi.provider.main(new GangwayPackage(), process.argv.slice(2));
