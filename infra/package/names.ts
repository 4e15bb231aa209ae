/** What the component package and its schema call things. */
import packageFile from "../../package.json" with { type: "json" };

export const PACKAGE = "gangway";
export const VERSION: string = packageFile.version;

/** Type token of the component, the same in every language. */
export const COMPONENT = `${PACKAGE}:index:PassiveFtpServer`;
