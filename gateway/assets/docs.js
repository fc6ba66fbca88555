// Shows openapi.json: a list by tag, a search, and each operation with its schemas. No library, no third party.
"use strict";

const roleNames = { STUDENT: "学生", EMPLOYER: "用人单位", DEPARTMENT: "院系", SCHOOL: "学校", PROVINCE: "省级" };
const limitNames = {
  minLength: "至少字符数", maxLength: "至多字符数", pattern: "格式", minimum: "不小于", maximum: "不大于",
  exclusiveMinimum: "大于", exclusiveMaximum: "小于", minItems: "至少项数", maxItems: "至多项数",
  "x-qihang-minimum": "不小于", "x-qihang-maximum": "不大于", const: "固定为",
};

let specification;
let operations = [];

/** Makes an element; text is always set as text, never as HTML. */
function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

/** A sentence of the contract: what stands between backticks is code. */
function prose(text) {
  return (text ?? "").split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

/** A path that breaks before its parts, not inside a word. */
function breakable(path) {
  return path.split(/(?=[/:])/).flatMap((part) => [element("wbr"), part]);
}

function resolve(schema) {
  if (!schema || !schema.$ref) return schema ?? {};
  const target = schema.$ref.slice(2).split("/").reduce((at, part) => at?.[part], specification);
  const { $ref, ...own } = schema;
  return { ...target, ...own };
}

function refName(schema) {
  return schema?.$ref?.split("/").pop();
}

function typeName(schema) {
  if (schema.$ref) return refName(schema);
  if (schema.type === "array") return `${typeName(schema.items ?? {})}[]`;
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type ?? "任意";
  return schema.format ? `${type} (${schema.format})` : type;
}

function limits(schema) {
  const parts = Object.entries(limitNames).filter(([key]) => schema[key] !== undefined).map(([key, name]) => `${name} ${schema[key]}`);
  if (schema.not?.enum) parts.push(`不可为 ${schema.not.enum.join("、")}`);
  if (schema.enum) parts.push(`取值 ${schema.enum.join("、")}`);
  if (schema.anyOf) parts.push(...schema.anyOf.map(limits).filter((part) => part !== "至多字符数 0"), "可为空");
  return parts.join("；");
}

function describe(schema) {
  const cell = element("td", {}, ...prose(schema.description));
  const text = limits(schema);
  if (text) cell.append(element("div", { class: "limits" }, text));
  const inner = schema.type === "array" ? schema.items : schema;
  const name = refName(inner);
  if (name) cell.append(lazySchema(name));
  return cell;
}

/** The schema's table is made when it is opened, so a message may hold itself. */
function lazySchema(name) {
  const details = element("details", {}, element("summary", {}, element("code", {}, name)));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(schemaView({ $ref: `#/components/schemas/${name}` }));
  });
  return details;
}

function schemaView(schema) {
  const whole = resolve(schema);
  if (whole.enum) {
    const rows = whole.enum.map((value) =>
      element("tr", {}, element("td", {}, element("code", {}, String(value))), element("td", {}, whole["x-qihang-values"]?.[value] ?? "")));
    return table(["取值", "说明"], rows);
  }
  if (!whole.properties) return element("p", {}, element("code", {}, typeName(whole)), " ", ...prose(whole.description));
  const required = new Set(whole.required ?? []);
  const rows = Object.entries(whole.properties).map(([name, property]) =>
    element("tr", {},
      element("td", {}, element("code", {}, name), required.has(name) ? element("span", { class: "badge" }, "必有") : null),
      element("td", {}, element("code", {}, typeName(property))),
      describe(property)));
  return table(["名称", "类型", "说明"], rows);
}

function table(heads, rows) {
  const head = element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text))));
  return element("table", {}, head, element("tbody", {}, ...rows));
}

function section(title, ...content) {
  return [element("h3", {}, title), ...content];
}

function parametersView(parameters) {
  const rows = parameters.map(resolve).map((parameter) =>
    element("tr", {},
      element("td", {}, element("code", {}, parameter.name), parameter.required ? element("span", { class: "badge" }, "必填") : null),
      element("td", {}, { path: "路径", query: "查询", header: "请求头" }[parameter.in] ?? parameter.in),
      element("td", {}, element("code", {}, typeName(parameter.schema))),
      describe({ ...parameter.schema, description: parameter.description })));
  return table(["名称", "位置", "类型", "说明"], rows);
}

function contentView(content) {
  return Object.entries(content ?? {}).flatMap(([media, { schema }]) => [
    element("p", {}, element("code", {}, media), " ", element("code", {}, typeName(schema))), schemaView(schema)]);
}

function show(operation) {
  const { item } = operation;
  const anonymous = item.security.some((way) => Object.keys(way).length === 0);
  const badges = [anonymous ? "无需登录" : null, ...item["x-qihang-roles"].map((role) => roleNames[role] ?? role),
    item["x-qihang-rate-per-minute"] ? `每分钟至多 ${item["x-qihang-rate-per-minute"]} 次` : null];
  const main = document.getElementById("content");
  main.replaceChildren(
    element("h2", {}, item.summary),
    element("p", { class: "path" }, element("span", { class: "method" }, operation.method.toUpperCase()), " ", operation.path),
    element("p", {}, ...badges.filter(Boolean).map((text) => element("span", { class: "badge" }, text))),
    ...item.description.split("\n\n").map((text) => element("p", {}, ...prose(text))),
    ...(item.parameters ? section("参数", parametersView(item.parameters)) : []),
    ...(item.requestBody ? section("请求体", ...contentView(item.requestBody.content)) : []),
    ...Object.entries(item.responses).flatMap(([status, response]) => {
      const whole = resolve(response);
      return section(status === "default" ? "出错时" : `返回 ${status}`, element("p", {}, ...prose(whole.description)), ...contentView(whole.content));
    }),
  );
  document.title = `${item.summary} · 启航`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${item.operationId}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function list(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = operations.filter(({ text }) => words.every((word) => text.includes(word)));
  const nav = document.getElementById("list");
  const groups = Map.groupBy ? Map.groupBy(matches, ({ tag }) => tag) : matches.reduce((map, operation) => map.set(operation.tag, [...(map.get(operation.tag) ?? []), operation]), new Map());
  nav.replaceChildren(...[...groups].flatMap(([tag, members]) => [
    element("h2", {}, tag),
    ...members.map(({ method, path, item }) =>
      element("a", { href: `#${item.operationId}`, title: item.summary }, element("span", { class: "method" }, method.toUpperCase()), element("span", {}, ...breakable(path)))),
  ]));
  if (matches.length === 0) nav.append(element("p", {}, "没有找到，请换一个词。"));
}

function follow() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const operation = operations.find(({ item }) => item.operationId === wanted);
  if (operation) show(operation);
  else overview();
}

function overview() {
  document.title = "接口文档 · 启航";
  document.getElementById("content").replaceChildren(
    element("h2", {}, `${specification.info.title} ${specification.info.version}`),
    element("p", {}, ...prose(specification.info.description)),
    table(["分组", "说明"], specification.tags.map(({ name, description }) =>
      element("tr", {}, element("td", {}, element("code", {}, name)), element("td", {}, ...prose(description))))));
}

async function start() {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(String(response.status));
  specification = await response.json();
  operations = Object.entries(specification.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, item]) => ({
      path, method, item, tag: item.tags[0],
      text: `${method} ${path} ${item.operationId} ${item.description} ${item.tags.join(" ")}`.toLowerCase(),
    })));
  operations.sort((one, other) => one.tag.localeCompare(other.tag) || one.path.localeCompare(other.path));
  const search = document.getElementById("search");
  search.addEventListener("input", () => list(search.value));
  addEventListener("hashchange", follow);
  list("");
  follow();
}

start().catch(() => {
  document.getElementById("content").replaceChildren(element("p", {}, "接口描述读取失败，请刷新页面重试。"));
});
