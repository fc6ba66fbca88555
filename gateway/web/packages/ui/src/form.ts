// One way for every form: rules on sending, the server's complaints beside their fields, a draft that survives.
import { Problem } from '@qihang/api'
import type { Complaint, Rule } from '@qihang/domain'
import { computed, inject, nextTick, onScopeDispose, provide, reactive, ref, toRaw, watch, type ComputedRef, type InjectionKey, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { dropDraft, keepDraft, readDraft } from './drafts'

export interface FormOptions<Values extends object> {
  /** What the fields begin with. */
  initial: () => Values
  /** Rules by field; the first that complains is shown. */
  rules?: Partial<Record<keyof Values, Rule[]>>
  /** Rules over several fields: messages by field, already in words. */
  check?: (values: Values) => Partial<Record<keyof Values, string>>
  /** Sends the form. What it throws is shown in the form. */
  submit: (values: Values) => Promise<unknown>
  /** Keeps a draft under this name; none without it. */
  draft?: string
  /** Fields that never go into a draft: passwords, numbers, files. */
  secret?: (keyof Values)[]
  /** The server's field path to the form's, where the last part of the path is not the name. */
  fieldOf?: (path: string) => keyof Values | undefined
}

export interface FieldEntry {
  label: string
  id: string
}

export interface Form<Values extends object = Record<string, unknown>> {
  values: Values
  errors: Record<string, string>
  /** A complaint about no field of the form. */
  problem: Ref<Problem | undefined>
  busy: Ref<boolean>
  /** True when something was typed that was not sent. */
  dirty: ComputedRef<boolean>
  draftState: Ref<'' | 'kept' | 'restored'>
  submit: () => Promise<boolean>
  reset: (values?: Values) => void
  forgetDraft: () => Promise<void>
  register: (name: string, entry: FieldEntry) => void
  fields: Record<string, FieldEntry>
  isRequired: (name: string) => boolean
}

const KEY: InjectionKey<Form> = Symbol('form')

export function provideForm(form: Form): void {
  provide(KEY, form)
}

export function useFormContext(): Form | undefined {
  return inject(KEY, undefined)
}

const DRAFT_DELAY = 600

export function useForm<Values extends object>(options: FormOptions<Values>): Form<Values> {
  const { t } = useI18n()
  const values = reactive(options.initial()) as Values
  const errors = reactive<Record<string, string>>({})
  const fields = reactive<Record<string, FieldEntry>>({})
  const problem = ref<Problem>()
  const busy = ref(false)
  const clean = ref(JSON.stringify(values))
  const draftState = ref<'' | 'kept' | 'restored'>('')
  const dirty = computed(() => JSON.stringify(values) !== clean.value)

  function say(name: string, complaint: Complaint): string {
    return t(`domain.rules.${complaint.message}`, { label: fields[name]?.label ?? name, ...complaint.parameters })
  }

  function check(): boolean {
    clearErrors()
    for (const [name, rules] of Object.entries(options.rules ?? {}) as [string, Rule[]][]) {
      const complaint = rules.map((rule) => rule((values as Record<string, unknown>)[name])).find((found) => found !== undefined)
      if (complaint !== undefined) errors[name] = say(name, complaint)
    }
    for (const [name, message] of Object.entries(options.check?.(values) ?? {})) {
      if (message !== undefined && errors[name] === undefined) errors[name] = message as string
    }
    return Object.keys(errors).length === 0
  }

  function clearErrors(): void {
    for (const name of Object.keys(errors)) delete errors[name]
    problem.value = undefined
  }

  function take(failure: unknown): void {
    if (!(failure instanceof Problem)) throw failure
    const strangers = failure.fields.filter((field) => {
      const name = (options.fieldOf?.(field.field) ?? lastPart(field.field)) as string
      if (fields[name] === undefined) return true
      errors[name] = field.message
      return false
    })
    if (failure.fields.length === 0 || strangers.length > 0) {
      problem.value = strangers.length > 0 ? withText(failure, strangers.map((field) => field.message).join('；')) : failure
    }
  }

  async function submit(): Promise<boolean> {
    if (busy.value) return false
    if (!check()) return false
    busy.value = true
    try {
      await options.submit(toRaw(values) as Values)
      clean.value = JSON.stringify(values)
      await forgetDraft()
      return true
    } catch (failure) {
      take(failure)
      return false
    } finally {
      busy.value = false
    }
  }

  function reset(to?: Values): void {
    clearErrors()
    Object.assign(values, to ?? options.initial())
    clean.value = JSON.stringify(values)
  }

  async function forgetDraft(): Promise<void> {
    draftState.value = ''
    if (options.draft !== undefined) await dropDraft(options.draft)
  }

  if (options.draft !== undefined) drafts(options.draft)

  function drafts(key: string): void {
    const secret = new Set<string>((options.secret ?? []) as string[])
    let timer: ReturnType<typeof setTimeout> | undefined
    void readDraft(key).then((draft) => {
      if (draft === undefined || dirty.value) return
      Object.assign(values, draft.values)
      if (dirty.value) draftState.value = 'restored'
    })
    watch(
      () => JSON.stringify(values),
      () => {
        clearTimeout(timer)
        timer = setTimeout(async () => {
          if (!dirty.value) return
          const open = Object.entries(toRaw(values)).filter(([name]) => !secret.has(name))
          if (await keepDraft(key, JSON.parse(JSON.stringify(Object.fromEntries(open))) as Record<string, unknown>)) draftState.value = 'kept'
        }, DRAFT_DELAY)
      },
    )
    onScopeDispose(() => clearTimeout(timer))
  }

  return {
    values,
    errors,
    problem,
    busy,
    dirty,
    draftState,
    submit,
    reset,
    forgetDraft,
    fields,
    register: (name, entry) => void (fields[name] = entry),
    isRequired: (name) => ((options.rules as Record<string, Rule[]> | undefined)?.[name] ?? []).some((rule) => rule(undefined) !== undefined),
  }
}

function lastPart(path: string): string {
  return path.split('.').at(-1)?.replace(/\[\d+\]$/, '') ?? path
}

function withText(problem: Problem, detail: string): Problem {
  return new Problem(problem.status, problem.code, detail, problem.fields, problem.traceId, problem.metadata)
}

/** Moves the reader to what is wrong: the summary when several fields are, the one field otherwise. */
export async function focusFirstError(form: Form, summary: HTMLElement | null): Promise<void> {
  await nextTick()
  const names = Object.keys(form.errors)
  const only = names.length === 1 && form.problem.value === undefined ? form.fields[names[0] ?? '']?.id : undefined
  const target = only === undefined ? summary : document.getElementById(only)
  target?.focus()
}


