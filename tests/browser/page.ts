// What must hold on every page: nothing in the console, nothing that axe finds, nothing that has to be scrolled sideways.
import { AxeBuilder } from '@axe-core/playwright'
import { expect, type Page } from '@playwright/test'

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** A password alone is answered 401 where a code is wanted as well; Chromium writes that into its console. */
const EXPECTED = '/v1/sessions:loginStaff'

/** Collects what a page complains of, from now on. */
export function complaints(page: Page, heard: string[]): void {
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type()) || message.location().url.endsWith(EXPECTED)) return
    heard.push(`${page.url()} ${message.type()}: ${message.text()} ${message.location().url}`)
  })
  page.on('pageerror', (error) => heard.push(`${page.url()} exception: ${error.message}`))
}

/** Waits until the page shows what it has: no loading state is left. */
export async function settled(page: Page): Promise<void> {
  await expect(page.locator('h1').first()).toBeVisible()
  await expect(page.locator('.bones')).toHaveCount(0)
}

/** Looks at the page as a machine can. */
export async function examine(page: Page): Promise<string[]> {
  // Nothing here is framed from elsewhere; without that, axe needs no page of its own to finish.
  const axe = await new AxeBuilder({ page }).setLegacyMode(true).withTags(TAGS).analyze()
  const findings = axe.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target.join(' ')).join(' | ')}`)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  if (wide > 0) findings.push(`${wide} px wider than the window`)
  const keys = await page.evaluate(() => /\b(?!province\.admin\b)(?:portal|student|employer|school|province|staff|public|entry|account|ui|domain|h5)\.[a-z][A-Za-z0-9]*(?:\.[A-Za-z0-9_]+)*/.exec(document.body.innerText)?.[0])
  if (keys !== undefined && !keys.includes('@')) findings.push(`words without translation: ${keys}`)
  return findings
}
