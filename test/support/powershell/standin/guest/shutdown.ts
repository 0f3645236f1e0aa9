/** `shutdown.exe /r /t 0` and `/s /t 0` in the stand-in's guests: the host is told, and does it to the machine. */
import { connect } from 'node:net';

const words = process.argv.slice(2).map((word) => word.toLowerCase());
const action = words.includes('/r') ? 'restart' : words.includes('/s') ? 'stop' : undefined;
if (action === undefined) throw new Error('the stand-in knows shutdown.exe /r and /s only');
const parameters = { VMId: process.env.HYPERV_GUEST_ID, action };
const socket = connect(process.env.HYPERV_GUEST_HOST!);
socket.end(JSON.stringify({ cmdlet: 'guest: shutdown', set: '', location: '/', parameters }) + '\n');
socket.resume();
