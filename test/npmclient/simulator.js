'use strict';

// The client has ServerPilot's address built in. node --require ./simulator.js has it call
// SERVERPILOT_API_URL instead.
const ServerPilot = require('serverpilot');

Object.defineProperty(ServerPilot.prototype, 'baseURL', {
    get() { return process.env.SERVERPILOT_API_URL; },
    set() {}, // the constructor sets it
});
