# A matrix and conditions that depend on what other jobs put out.
pipeline "ci" {
  on "push" {}
  job "plan" {
    image = "alpine:3.20"
    activity "list" {
      script = "echo '[\"a\", \"b\"]' > $TUTTI_OUTPUT/modules"
      output "modules" { type = list(string) }
      output "deploy" { type = bool }
    }
    output "modules" { value = [for m in activity.list.outputs.modules : upper(m)] }
    output "deploy" { value = activity.list.outputs.deploy }
  }
  job "test" {
    matrix {
      axes         = { module = job.plan.outputs.modules, level = [1, 2] }
      exclude      = [{ module = "A", level = 2 }]
      max_parallel = 2
      fail_fast    = true
    }
    when  = matrix.level < 3
    image = "alpine:3.20"
    activity "run" {
      command = ["test", matrix.module]
      output "ok" { type = object({ passed = number, notes = optional(list(string), []) }) }
    }
    output "passed" { value = activity.run.outputs.ok.passed }
  }
  job "deploy" {
    when        = job.plan.outputs.deploy
    environment = "staging"
    image       = "alpine:3.20"
    env         = { PASSED = sum([for r in job.test.each : coalesce(r.outputs.passed, 0)]) }
    activity "x" { script = "true" }
  }
}
