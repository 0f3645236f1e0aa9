/** `whoami.exe` in the stand-in's guests: the machine and the account, in small letters. */
process.stdout.write(`${process.env.COMPUTERNAME}\\${process.env.USERNAME}`.toLowerCase() + '\r\n');
