import { Problem } from '@qihang/api'
import { describe, expect, it } from 'vitest'
import { placeComplaints, placeNames, placeOf, thingsOf, unanswered } from './places'

const PLACES = { receiver: '人才中心', address: '友谊路1号', postcode: '150010', contact: '王', phone: '0451-86608114', householdAddress: '学府路1号' }

describe('the things that are asked', () => {
  it('are those that the employer does not take', () => {
    expect(thingsOf({ archive: true, household: true })).toEqual(['archive', 'contact', 'household'])
    expect(thingsOf({ archive: false, household: true })).toEqual(['household'])
    expect(thingsOf({ archive: false, household: false })).toEqual([])
    expect(placeNames(['contact', 'household'])).toEqual(['contact', 'phone', 'householdAddress'])
  })
  it('are answered when every field is right', () => {
    const all = thingsOf({ archive: true, household: true })
    expect(unanswered(all, PLACES)).toBeUndefined()
    expect(unanswered(all, { ...PLACES, postcode: '15' })).toBe('archive')
    expect(unanswered(all, { ...PLACES, phone: ' ', householdAddress: '' })).toBe('contact')
    expect(unanswered(['household'], { ...PLACES, phone: '' })).toBeUndefined()
  })
})

describe('what the server says', () => {
  it('stands beside the field of its place, of which two are addresses', () => {
    const fields = [{ field: 'archive.address', message: '甲' }, { field: 'household.address', message: '乙' }, { field: 'revision', message: '丙' }]
    expect(placeComplaints(new Problem(400, 'INVALID', '', fields as never, ''))).toEqual({ address: '甲', householdAddress: '乙' })
    expect(placeComplaints(new Error('broken'))).toEqual({})
  })
  it('is of no place where it names none', () => {
    expect(placeOf('archive.householdAddress')).toBeUndefined()
    expect(placeOf('archive')).toBeUndefined()
    expect(placeOf('etag')).toBeUndefined()
  })
})
