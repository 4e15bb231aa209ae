// @ts-check
// Moves a tree with basic-ftp: HOST PORT USER PASSWORD MODE PASSIVE LOCAL REMOTE BACK. MODE is plain,
// explicit or implicit; PASSIVE is EPSV or PASV. Uploads LOCAL to REMOTE, downloads it to BACK.
import { Client, enterPassiveModeIPv4, enterPassiveModeIPv6 } from "basic-ftp";

const [host = "", port, user = "", password = "", mode, passive, local = "", remote, back = ""] =
  process.argv.slice(2);

const client = new Client();
client.prepareTransfer = passive === "EPSV" ? enterPassiveModeIPv6 : enterPassiveModeIPv4;
await client.access({
  host,
  port: Number(port),
  user,
  password,
  secure: mode === "plain" ? false : mode === "implicit" ? "implicit" : true,
  secureOptions: { rejectUnauthorized: false },
});
await client.uploadFromDir(local, remote);
await client.cd("/");
await client.downloadToDir(back, remote);
client.close();
