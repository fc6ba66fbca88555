// Where the personal file and the household registration go: asked all at once at a desk, one thing a page on phones.
import { Problem } from '@qihang/api'
import { rules, type Rule } from '@qihang/domain'
import type { Places } from './signing'

/** The things that are asked, with the fields of each. */
export const THINGS = { archive: ['receiver', 'address', 'postcode'], contact: ['contact', 'phone'], household: ['householdAddress'] } as const satisfies Record<string, readonly (keyof Places)[]>
export type Thing = keyof typeof THINGS

export const PLACE_RULES: Record<keyof Places, Rule[]> = {
  receiver: [rules.required, rules.length(2, 100)],
  address: [rules.required, rules.length(2, 100)],
  postcode: [rules.required, rules.postcode],
  contact: [rules.required, rules.length(1, 20)],
  phone: [rules.required, rules.length(1, 30)],
  householdAddress: [rules.required, rules.length(2, 100)],
}

/** What the server says of the fields. */
export type PlaceComplaints = Partial<Record<keyof Places, string>>

/** What is to be asked of whom the employer leaves it to. */
export function thingsOf({ archive, household }: { archive: boolean; household: boolean }): Thing[] {
  return [...(archive ? (['archive', 'contact'] as const) : []), ...(household ? (['household'] as const) : [])]
}

export function placeNames(things: readonly Thing[]): (keyof Places)[] {
  return things.flatMap((thing) => [...THINGS[thing]])
}

/** The first thing with a field that is missing or wrong. */
export function unanswered(things: readonly Thing[], places: Places): Thing | undefined {
  return things.find((thing) => THINGS[thing].some((name) => PLACE_RULES[name].some((rule) => rule(places[name]) !== undefined)))
}

/** The field that the server means by a path. */
export function placeOf(path: string): keyof Places | undefined {
  if (path === 'household.address') return 'householdAddress'
  const name = /^archive\.(\w+)$/.exec(path)?.[1]
  return placeNames(['archive', 'contact']).find((one) => one === name)
}

export function placeComplaints(failure: unknown): PlaceComplaints {
  const fields = failure instanceof Problem ? failure.fields : []
  return Object.fromEntries(fields.flatMap((one) => [placeOf(one.field)].filter((name) => name !== undefined).map((name) => [name, one.message])))
}
