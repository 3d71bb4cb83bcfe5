'use strict';
// A stock sofa-rpc-node as provider or as consumer; README.md tells how it is started and what it says.
const net = require('net');
const { RpcServer } = require('sofa-rpc-node').server;
const { RpcClient } = require('sofa-rpc-node').client;
const { version } = require('sofa-rpc-node/package.json');

const ZOO = 'com.acme.zoo.Zoo';
const CALLS = 50;

// standard output is for JSON
const log = (...words) => console.error(...words);
const logger = { debug() {}, info() {}, warn: log, error: log };

/** A stock server, but on the loopback address only. */
class LoopbackServer extends RpcServer {
  _startServer(port) {
    const server = net.createServer(socket => this._handleSocket(socket));
    server.once('error', err => this.emit('error', err));
    server.listen(port, '127.0.0.1', () => { this.publishPort = server.address().port; });
    return server;
  }
}

const typed = (type, v) => (v == null ? null : { $class: type, $: v });
const address = v => typed('com.acme.zoo.Address', v);

/** A person with Java's types again: what was decoded has names and values only. */
function person(v) {
  const tags = {};
  for (const key of Object.keys(v.tags || {})) {
    const value = v.tags[key];
    tags[key] = Number.isInteger(value) ? typed('java.lang.Long', value) : value;
  }
  return typed('com.acme.zoo.Person', {
    age: v.age,
    balance: typed('long', v.balance),
    born: v.born,
    color: typed('com.acme.zoo.Color', v.color),
    home: address(v.home),
    name: v.name,
    past: v.past && v.past.map(address),
    score: typed('java.math.BigDecimal', v.score),
    tags: v.tags && typed('java.util.HashMap', tags),
  });
}

async function provide({ port = '0', 'decode-cache': cache = 'on' }) {
  const server = new LoopbackServer({ logger, port: Number(port), disableDecodeCache: cache === 'off' });
  server.addService({ interfaceName: ZOO, version: '1.0' }, {
    async echoPerson(v) { return v && person(v); },
    // it answers with what it decoded, so a consumer that got an equal value knows that the argument was
    async seen() { return 'equal'; },
    async whoami() { return 'node'; },
  });
  server.on('error', log);
  await server.start();
  console.log('READY ' + JSON.stringify({
    port: server.publishPort, framework: 'sofa-rpc-node', frameworkVersion: version, name: 'node', services: [ ZOO ],
  }));
  process.stdin.on('end', () => process.exit(0)).resume();
}

/** The same person, with its fields in two orders: an object's definition has them in the order in which they were set. */
const ORDERS = {
  name_first: i => ({ name: `Ada ${i}`, age: i }),
  age_first: i => ({ age: i, name: `Ada ${i}` }),
};

async function wrongCall(consumer, sent, i) {
  try {
    const got = await consumer.invoke('echoPerson', [ typed('com.acme.zoo.Person', sent) ], { responseTimeout: 5000 });
    const { name, age } = got || {};
    return name === sent.name && age === sent.age ? null : { outcome: 'different', got: JSON.stringify({ name, age }), detail: `call ${i}` };
  } catch (e) {
    return { outcome: 'threw', got: `throws ${e.name}`, detail: `call ${i}: ${e.message}` };
  }
}

/** Two clients with a connection each take turns. */
async function consume({ target }) {
  const names = Object.keys(ORDERS);
  const consumers = await Promise.all(names.map(async () => {
    const consumer = new RpcClient({ logger }).createConsumer({ interfaceName: ZOO, version: '1.0', serverHost: target });
    await consumer.ready();
    return consumer;
  }));
  const wrong = names.map(() => null);
  for (let i = 0; i < CALLS; i++) {
    for (const [ at, name ] of names.entries()) {
      const found = await wrongCall(consumers[at], ORDERS[name](i), i);
      wrong[at] = wrong[at] || found;
    }
  }
  for (const [ at, name ] of names.entries()) {
    const expected = `${CALLS} equal persons`;
    const line = wrong[at] || { outcome: 'ok', got: expected, detail: '' };
    console.log(JSON.stringify({ case: `node_${name}`, expected, ...line, ms: 0 }));
  }
  console.log(JSON.stringify({ done: names.length }));
  process.exit(0);
}

function options(words) {
  const given = {};
  for (let i = 0; i < words.length; i += 2) {
    if (!words[i].startsWith('--') || i + 1 === words.length) throw new Error(`expected \`--key value\` at \`${words[i]}\``);
    given[words[i].slice(2)] = words[i + 1];
  }
  return given;
}

const [ side, ...words ] = process.argv.slice(2);
const sides = { provider: provide, consumer: consume };
if (!sides[side]) {
  log('peer.js provider|consumer [--key value]...');
  process.exit(2);
}
sides[side](options(words)).catch(e => {
  log(e);
  process.exit(1);
});
