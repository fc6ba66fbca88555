// After the build: holds the sizes of both apps to their budgets, and lays compressed copies beside the files, so that the
// gateway compresses nothing twice. `node build/finish.js` prints the sizes.
import { createReadStream, createWriteStream, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createBrotliCompress, createGzip, gzipSync } from 'node:zlib'

const dist = new URL('../dist/', import.meta.url).pathname

/**
 * Most of gzipped kilobytes: first load of scripts and styles, and a page with everything that it needs (h5: beyond the first
 * load).
 */
const BUDGETS = {
  portal: { script: 120, style: 40, page: 260, beyond: false },
  h5: { script: 90, style: 40, page: 40, beyond: true },
}

const TEXT = /\.(js|css|html|svg|json|txt)$/
/** Shorter files gain nothing. */
const WORTH = 512

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  )
}

function sizes(app) {
  const manifest = JSON.parse(readFileSync(`${dist}${app}/.vite/manifest.json`, 'utf8'))
  const packed = (file) => gzipSync(readFileSync(`${dist}${app}/${file}`)).length / 1024
  const closure = (key, seen = new Set()) => {
    if (seen.has(key)) return seen
    seen.add(key)
    for (const next of manifest[key].imports ?? []) closure(next, seen)
    return seen
  }
  const weigh = (keys) => {
    const scripts = new Set([...keys].map((key) => manifest[key].file))
    const styles = new Set([...keys].flatMap((key) => manifest[key].css ?? []))
    const sum = (set) => [...set].reduce((total, file) => total + packed(file), 0)
    return { script: sum(scripts), style: sum(styles) }
  }
  const words = (name) => Object.keys(manifest).filter((key) => key.includes(`${name}/`) && key.endsWith('locales/zh-CN.json'))
  const first = closure('index.html')
  for (const name of ['packages/ui/src', 'packages/domain/src', `apps/${app}/src`]) {
    for (const key of words(name).filter((key) => key.endsWith(`${name}/locales/zh-CN.json`))) closure(key, first)
  }
  const pages = Object.keys(manifest).filter((key) => key.endsWith('Page.vue'))
  const pageSizes = pages.map((page) => {
    const keys = closure(page, new Set())
    const area = /(.*)\/pages\//.exec(page)?.[1] ?? ''
    for (const key of area === '' ? [] : words(area)) closure(key, keys)
    const more = new Set([...keys].filter((key) => !first.has(key)))
    const all = weigh(new Set([...first, ...more]))
    const beyond = weigh(more)
    return { page, all: all.script + all.style, beyond: beyond.script + beyond.style }
  })
  return { first: weigh(first), pages: pageSizes }
}

function holdBudgets(app) {
  const budget = BUDGETS[app]
  const { first, pages } = sizes(app)
  const heaviest = pages
    .map((entry) => ({ page: entry.page, size: budget.beyond ? entry.beyond : entry.all }))
    .sort((a, b) => b.size - a.size)
  const top = heaviest[0] ?? { page: 'none', size: 0 }
  console.log(
    `${app}: first load ${first.script.toFixed(1)} kB of scripts (at most ${budget.script}), ${first.style.toFixed(1)} kB of styles (${budget.style}); ` +
      `${pages.length} pages, the heaviest ${top.size.toFixed(1)} kB (${budget.page}): ${top.page}`,
  )
  const over = [
    first.script > budget.script && 'scripts of the first load',
    first.style > budget.style && 'styles of the first load',
    ...heaviest.filter((entry) => entry.size > budget.page).map((entry) => `${entry.page} (${entry.size.toFixed(1)} kB)`),
  ].filter(Boolean)
  if (over.length > 0) throw new Error(`${app} is over its budget: ${over.join(', ')}`)
}

async function compress(file) {
  if (!TEXT.test(file) || statSync(file).size < WORTH) return
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
  await pipeline(createReadStream(file), createBrotliCompress(quality), createWriteStream(`${file}.br`))
  await pipeline(createReadStream(file), createGzip({ level: 9 }), createWriteStream(`${file}.gz`))
}

for (const app of Object.keys(BUDGETS)) {
  holdBudgets(app)
  rmSync(`${dist}${app}/.vite`, { recursive: true })
  for (const file of files(`${dist}${app}`)) await compress(file)
}
