// ftp-srv with its defaults, logging off.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const env = process.env;
const require = createRequire(path.join(env.PEERS, "npm", "package.json"));
const { FtpSrv } = require("ftp-srv");
const bunyan = createRequire(require.resolve("ftp-srv"))("bunyan");

const server = new FtpSrv({
  url: `ftp://127.0.0.1:${env.FTP_PORT}`,
  pasv_url: "127.0.0.1",
  pasv_min: Number(env.FTP_PASV_MIN),
  pasv_max: Number(env.FTP_PASV_MAX),
  tls: { cert: fs.readFileSync(env.FTP_CERT), key: fs.readFileSync(env.FTP_KEY) },
  log: bunyan.createLogger({ name: "bench", level: bunyan.FATAL + 1 }),
});
server.on("login", ({ username, password }, resolve, reject) => {
  if (username === env.FTP_USER && password === env.FTP_PASS) resolve({ root: env.FTP_ROOT });
  else reject(new Error("bad credentials"));
});
server.on("client-error", () => {});
await server.listen();
