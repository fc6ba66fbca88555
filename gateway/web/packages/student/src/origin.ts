// What both ways of filling in the record share: what is said to be wrong, keeping it for later, and sending it.
import { api, data, Problem, requestId } from '@qihang/api'
import { dropDraft, problemText, toast, useSession } from '@qihang/ui'
import { useQueryClient } from '@tanstack/vue-query'
import { reactive, ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRouter } from 'vue-router'
import { isOwn, OWN, submission, type Issue, type OwnName, type Record_ } from './fields'

export type OwnValues = Record<OwnName, string>
/** What the server says of the student's own fields. */
export type Complaints = Partial<Record<OwnName, string>>

export function useDraftKey(): string {
  const { account } = useSession()
  return `student.form.${account.value?.id ?? ''}.origin`
}

export interface Issues {
  list: Issue[]
  of: (field: string) => Issue | undefined
  flag: (issue: Issue) => void
  unflag: (field: string) => void
}

/** What the student says is wrong among the fields that the school keeps; begins with what the school has not settled yet. */
export function useIssues(record: Record_): Issues {
  const list = reactive<Issue[]>(
    record.flaggedIssues.filter((one) => one.outcome === '').map((one) => ({ field: one.field, proposedValue: one.proposedValue, note: one.note ?? '', evidenceFileId: String(one.evidenceFileId ?? '') })),
  )
  function unflag(field: string): void {
    const at = list.findIndex((one) => one.field === field)
    if (at >= 0) list.splice(at, 1)
  }
  return {
    list,
    of: (field) => list.find((one) => one.field === field),
    unflag,
    flag: (issue) => {
      unflag(issue.field)
      list.push(issue)
    },
  }
}

/** The complaints of a refusal about the student's own fields. */
export function ownComplaints(failure: unknown): Complaints {
  if (!(failure instanceof Problem)) return {}
  return Object.fromEntries(failure.fields.map((one) => [one.field.split('.').at(-1) ?? '', one.message] as const).filter(([name]) => isOwn(name)))
}

export interface Sending {
  saving: Ref<boolean>
  /** 【暂存】; complaints about own fields go to `complain`, others are told. */
  save: () => Promise<void>
  /** 【保存并送审】; throws what is no complaint about an own field. */
  send: () => Promise<void>
}

export function useSending(record: () => Record_, values: OwnValues, issues: Issues, complain: (complaints: Complaints) => void): Sending {
  const { t } = useI18n()
  const router = useRouter()
  const client = useQueryClient()
  const draft = useDraftKey()
  const saving = ref(false)
  /** One key for one sending, kept while it is tried again. */
  let key = requestId()

  function taken(failure: unknown): boolean {
    const complaints = ownComplaints(failure)
    if (Object.keys(complaints).length === 0) return false
    complain(complaints)
    return true
  }
  async function send(): Promise<void> {
    try {
      await data(api.POST('/v1/roster/mine:submit', { body: submission(values, issues.list, record().etag, key) }))
    } catch (failure) {
      key = requestId()
      if (!taken(failure)) throw failure
      return
    }
    await dropDraft(draft)
    toast(t('student.origin.sent'))
    await Promise.all([['record'], ['myGuide']].map((queryKey) => client.invalidateQueries({ queryKey })))
    await router.replace({ name: 'student.origin' })
  }
  async function save(): Promise<void> {
    saving.value = true
    try {
      const own = Object.fromEntries(OWN.map((name) => [name, values[name].trim()]))
      await data(api.PATCH('/v1/roster/mine', { body: { own, etag: record().etag, requestId: requestId() } }))
      await dropDraft(draft)
      toast(t('student.origin.saved'))
      await client.invalidateQueries({ queryKey: ['record'] })
    } catch (failure) {
      if (!taken(failure)) toast(problemText(failure), { tone: 'bad' })
    } finally {
      saving.value = false
    }
  }
  return { saving, save, send }
}
