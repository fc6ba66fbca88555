import { describe, expect, it } from 'vitest'
import { actionNamed, countdownNews, deadline, placesBody, presentActions, secondsUntil, slotFor, waitsForStudent, type Agreement, type Terms } from './signing'

const action = (name: string, allowed: boolean, reasonCode = '') => ({ name, allowed, reasonCode, reason: reasonCode })
const agreement = (state: string, more: object = {}) => ({ state: `AGREEMENT_STATE_${state}`, actions: [], ...more }) as unknown as Agreement
const PLACES = { receiver: '人才中心', address: '路1号', postcode: '150000', contact: '王', phone: '0451', householdAddress: '路2号' }

describe('the slot', () => {
  const slot = (state: string, kind: string) => ({ state: `SLOT_STATE_${state}`, kind }) as never
  it('is free without a holder', () => expect(slotFor('ONLINE', slot('FREE', ''))).toBe('free'))
  it('belongs to its kind', () => expect(slotFor('ONLINE', slot('RESERVED', 'ONLINE'))).toBe('mine'))
  it('keeps the other kinds out, also while it is being released', () => expect(slotFor('ONLINE', slot('RELEASING', 'OFFLINE'))).toBe('taken'))
})

describe('what waits', () => {
  it('is an offer until it expires', () => {
    const one = agreement('PENDING_STUDENT', { expireTime: 'E', amendDeadline: 'A' })
    expect(waitsForStudent(one)).toBe(true)
    expect(deadline(one)).toBe('E')
  })
  it('is an amendment until its own deadline', () => expect(deadline(agreement('AMEND_PENDING_STUDENT', { expireTime: 'E', amendDeadline: 'A' }))).toBe('A'))
  it('is a wish of the employer to cancel, not one of the student', () => {
    expect(waitsForStudent(agreement('PENDING_REVIEW', { cancelRequest: { requester: 'EMPLOYER' } }))).toBe(true)
    expect(waitsForStudent(agreement('PENDING_REVIEW', { cancelRequest: { requester: 'STUDENT' } }))).toBe(false)
  })
  it('leaves out actions of other states but keeps blocked ones of this', () => {
    const actions = [action('accept', false, 'SLOT_TAKEN'), action('agreeCancel', false, 'INVALID_TRANSITION'), action('decline', true)]
    expect(presentActions(actions).map((one) => one.name)).toEqual(['accept', 'decline'])
    expect(actionNamed(agreement('PENDING_STUDENT', { actions }), 'agreeCancel')).toBeUndefined()
  })
})

describe('the places', () => {
  const terms = (acceptsArchive: boolean, acceptsHousehold: boolean) => ({ acceptsArchive, acceptsHousehold }) as Terms
  it('are sent only where the employer does not take them', () => {
    expect(placesBody(terms(true, true), PLACES)).toEqual({})
    expect(placesBody(terms(true, false), PLACES)).toEqual({ household: { address: '路2号' } })
    expect(placesBody(terms(false, true), PLACES)).toEqual({ archive: { receiver: '人才中心', address: '路1号', postcode: '150000', contact: '王', phone: '0451' } })
  })
})

describe('the reading clock', () => {
  it('is told at start, half and end, each once', () => {
    const told = new Set<string>()
    const heard: string[] = []
    for (let left = 16; left >= -1; left -= 1) {
      const news = countdownNews(16, Math.max(0, left), told)
      if (news !== undefined) {
        told.add(news)
        heard.push(`${news} ${left}`)
      }
    }
    expect(heard).toEqual(['start 16', 'half 8', 'end 0'])
  })
  it('never shows less than nothing', () => {
    const now = Date.parse('2026-11-27T10:00:00Z')
    expect(secondsUntil('2026-11-27T10:00:14.200Z', now)).toBe(15)
    expect(secondsUntil('2026-11-27T09:00:00Z', now)).toBe(0)
  })
})
