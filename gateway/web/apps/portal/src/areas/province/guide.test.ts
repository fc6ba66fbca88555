import { describe, expect, it } from 'vitest'
import { guideField, moved, sectionsOf, valuesOf, withSections } from './guide'

const sections = [
  { title: '一', body: '甲' },
  { title: '二', body: '乙' },
]
const values = valuesOf({ title: '线上签约', position: 20, sections })

describe('a guide as values', () => {
  it('comes back as it went', () => {
    expect(sectionsOf(values)).toEqual(sections)
    expect(values['position']).toBe('20')
  })
  it('forgets what a shorter list has no more', () => {
    const shorter = withSections(values, sections.slice(1))
    expect(sectionsOf(shorter)).toEqual([sections[1]])
    expect(shorter['body-1']).toBe('')
  })
})

describe('moved', () => {
  it('changes two neighbours and nothing at the ends', () => {
    expect(moved(sections, 0, 1)).toEqual([sections[1], sections[0]])
    expect(moved(sections, 0, -1)).toEqual(sections)
  })
})

describe('guideField', () => {
  it('finds the field of a section', () => {
    expect(guideField('sections[2].body')).toBe('body-2')
    expect(guideField('title')).toBeUndefined()
  })
})
