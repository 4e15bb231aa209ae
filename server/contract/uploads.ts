/** What becomes of uploads that are under way or break off; IIS calls it file handling. */
import * as v from "valibot";
import { setting } from "./fields.ts";

const uploadsSchema = v.strictObject({
  keepPartial: setting(
    v.boolean(),
    false,
    "What arrived of a new file stays under its name when the upload breaks off, so that the client can resume it. A file that was there before stays as it was.",
  ),
  readWhileUploading: setting(
    v.boolean(),
    false,
    "A new file is seen and read under its name while it is uploaded. One that replaces another still appears when it is complete.",
  ),
});
export type Uploads = v.InferOutput<typeof uploadsSchema>;

/** Entries of `siteSchema` that this file is about. */
export const siteUploadsEntries = {
  uploads: setting(
    uploadsSchema,
    {},
    "Uploads under way and broken off; by default nothing shows before it is complete.",
  ),
} as const;
