// A page of the guide as the flat values of a form, and back.
import type { Schema } from '@qihang/api'

export type GuideSection = Schema<'contracts.v1.GuideSection'>
export type GuideValues = Record<string, string>

/** Most sections of a page. */
export const MOST_SECTIONS = 30

/** Sections by number: `title-0`, `body-0` and so on; `sections` says how many. */
export function valuesOf(guide: { title: string; position: number; sections: readonly GuideSection[] }): GuideValues {
  const values: GuideValues = { title: guide.title, position: String(guide.position), sections: String(guide.sections.length) }
  guide.sections.forEach((section, at) => Object.assign(values, { [`title-${at}`]: section.title, [`body-${at}`]: section.body }))
  return values
}

export function sectionsOf(values: GuideValues): GuideSection[] {
  return Array.from({ length: Number(values['sections']) }, (_, at) => ({ title: (values[`title-${at}`] ?? '').trim(), body: (values[`body-${at}`] ?? '').trim() }))
}

/** The same values with another list of sections; what was beyond its end is emptied. */
export function withSections(values: GuideValues, sections: readonly GuideSection[]): GuideValues {
  const left = Object.fromEntries(Object.keys(values).filter((name) => /^(title|body)-\d+$/.test(name)).map((name) => [name, '']))
  return { ...values, ...left, ...valuesOf({ title: values['title'] ?? '', position: Number(values['position']), sections }) }
}

/** A section one place up (-1) or down (1). */
export function moved(sections: readonly GuideSection[], at: number, by: -1 | 1): GuideSection[] {
  const next = [...sections]
  const [one, other] = [next[at], next[at + by]]
  if (one === undefined || other === undefined) return next
  next[at] = other
  next[at + by] = one
  return next
}

/** The server's path of a field to the form's: `sections[2].body` is `body-2`. */
export function guideField(path: string): string | undefined {
  const section = /sections\[(\d+)\]\.(title|body)$/.exec(path)
  return section === null ? undefined : `${section[2]}-${section[1]}`
}
