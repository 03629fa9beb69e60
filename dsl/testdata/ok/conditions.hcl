# event: push branch dev
pipeline "ci" {
  on "push" {}
  job "build" {
    image = "alpine:3.20"
    when  = event.branch == "main" || length(event.actor) > 100
    activity "x" { script = "true" }
  }
  job "test" {
    image = "alpine:3.20"
    matrix { axes = { go = ["1.25", "1.26"] } }
    when = matrix.go != "1.25"
    activity "unit" {
      script        = "true"
      allow_failure = true
      retries       = 2
    }
    activity "flaky" {
      when    = event.branch == "main"
      command = ["x"]
      retries = { timeout = 1, oom = 1, exit = 0 }
    }
    activity "logs" {
      run_on = "failed"
      script = "cat log"
    }
  }
  job "report" {
    needs  = [optional(job.build), job.test]
    run_on = "always"
    image  = "alpine:3.20"
    env    = { RESULT = job.build.result }
    activity "x" { script = "echo $RESULT" }
  }
  job "undo" {
    needs  = [job.test]
    run_on = "failed"
    image  = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
