// The AT Protocol development network of @atproto/dev-env: a directory, a server of accounts and an AppView, on loopback.
// Prints one JSON line once it runs; "settle" on its input is answered when every server has seen what was written.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.ATPROTO_PACKAGES}/package.json`)
const { TestNetwork } = require('@atproto/dev-env')
console.log = () => {} // the servers talk; only what is asked for belongs on this output
const say = (words) => process.stdout.write(`${JSON.stringify(words)}\n`)

const network = await TestNetwork.create({ dbPostgresSchema: 'wellheard' })
say({ service: network.pds.url })
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'settle') break
  await network.processAll()
  say({ settled: true })
}
await network.close()
process.exit(0)
