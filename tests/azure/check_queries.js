// Checks queries by the Kusto language service: reads {tables, queries} from standard input as JSON,
// writes for each query its errors and the names and types of the columns it gives.
"use strict";
const path = require("path");
const fs = require("fs");

const service = path.dirname(require.resolve("@kusto/language-service-next/package.json"));
// the bridge first: it makes the globals that the other one stands on
require(path.join(service, "bridge.min.js"));
require(path.join(service, "Kusto.Language.Bridge.min.js"));
/* global Kusto */

function table(name, columns) {
  const listed = Object.entries(columns).map(([column, type]) => `['${column}']:${type}`).join(", ");
  return Kusto.Language.Symbols.TableSymbol.From(`(${listed})`).WithName(name);
}

function check(text, globals) {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(text, globals);
  const found = code.GetDiagnostics();
  const errors = [];
  for (let i = 0; i < found.Count; i++) {
    const one = found.getItem(i);
    const line = text.slice(0, one.Start).split("\n").length;
    errors.push({line, severity: one.Severity, code: one.Code, message: one.Message,
                 text: text.slice(one.Start, one.Start + one.Length)});
  }
  const columns = [];
  const given = code.ResultType && code.ResultType.Columns;
  for (let i = 0; given && i < given.Count; i++) {
    columns.push({name: given.getItem(i).Name, type: given.getItem(i).Type.Name});
  }
  return {errors, columns};
}

const asked = JSON.parse(fs.readFileSync(0, "utf-8"));
const tables = Object.entries(asked.tables).map(([name, columns]) => table(name, columns));
const workspace = new Kusto.Language.Symbols.DatabaseSymbol.$ctor1("workspace", tables);
const globals = Kusto.Language.GlobalState.Default.WithDatabase(workspace);
const answer = Object.fromEntries(Object.entries(asked.queries).map(([name, text]) => [name, check(text, globals)]));
process.stdout.write(JSON.stringify(answer));
