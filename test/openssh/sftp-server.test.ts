// The suite of the SFTP stand-in against OpenSSH's own sftp-server, so that the stand-in cannot drift from the real thing.

import { describeSftpServer } from "../conformance/sftp/sftp.contract.js";
import { startOpenSsh } from "./start-openssh.js";

describeSftpServer("OpenSSH's sftp-server", () => startOpenSsh());
