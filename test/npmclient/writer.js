'use strict';

// Adds names to an app's list and drops some again, as fast as it can, until SIGTERM. It reads
// the list, changes it and writes it back, as every client must. Then it writes until all names
// that it wants are on the list that it reads, and prints them, one a line.
//
//     node --require ./simulator.js writer.js APP

const ServerPilot = require('serverpilot');

const client = new ServerPilot({ clientId: process.env.SP_CLIENT_ID, apiKey: process.env.SP_API_KEY });
const appId = process.argv[2];
const wanted = new Set();
const dropped = new Set();
let stopping = false;
process.on('SIGTERM', () => { stopping = true; });

function fail(err) {
    console.error(err.message);
    process.exit(1);
}

// plan adds a name, and from the twentieth on drops the oldest.
function plan(round) {
    const name = `npm${String(round).padStart(4, '0')}.example.net`;
    wanted.add(name);
    if (wanted.size > 20) {
        const [oldest] = wanted;
        wanted.delete(oldest);
        dropped.add(oldest);
    }
}

function write(round) {
    if (!stopping) {
        plan(round);
    }
    client.getApp(appId, (err, read) => {
        if (err) {
            return fail(err);
        }
        const list = read.data.domains;
        if (stopping && [...wanted].every((name) => list.includes(name))) {
            console.log([...wanted].join('\n'));
            process.exit(0);
        }
        const kept = list.filter((name) => !dropped.has(name) && !wanted.has(name));
        client.updateApp({ appId, domains: [...kept, ...wanted] }, (err) => {
            if (err) {
                return fail(err);
            }
            write(round + 1);
        });
    });
}

write(0);
