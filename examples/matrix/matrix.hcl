# One job, many times: once for each combination of values. Two matrices are here, one that is written down, and one whose
# values another job finds out, so that its instances appear in the middle of the run.
tutti { language = 1 }

pipeline "matrix" {
  description = "Test on every image, then build every package that there is"
  on "push" {}
  on "manual" {}

  # Three instances: "test.1" to "test.3" for commands, "test (image alpine:3.20, locale C)" for people.
  job "test" {
    matrix {
      axes         = { image = ["alpine:3.20", "debian:12"], locale = ["C", "C.UTF-8"] }
      exclude      = [{ image = "alpine:3.20", locale = "C.UTF-8" }]
      max_parallel = 2
    }
    image = matrix.image
    env   = { LC_ALL = matrix.locale }
    activity "count" {
      script = "ls / | wc -l > \"$TUTTI_OUTPUT/entries\""
      output "entries" { type = number }
    }
    output "entries" { value = activity.count.outputs.entries }
  }

  # A list is written as JSON.
  job "list" {
    image = "alpine:3.20"
    activity "packages" {
      script = "echo '[\"api\", \"web\"]' > \"$TUTTI_OUTPUT/packages\""
      output "packages" { type = list(string) }
    }
    output "packages" { value = activity.packages.outputs.packages }
  }

  # The reference to job.list is the edge: this one waits for it.
  job "build" {
    matrix {
      axes = { package = job.list.outputs.packages }
    }
    image = "alpine:3.20"
    activity "build" {
      env    = { PACKAGE = matrix.package }
      script = "echo \"building $PACKAGE\""
    }
  }

  # A job that reads a matrix gets a list, with one element for each instance.
  job "report" {
    needs = [job.build]
    image = "alpine:3.20"
    activity "print" {
      env    = { MOST = max([for r in job.test.each : r.outputs.entries]...) }
      script = "echo \"the fullest root folder has $MOST entries\""
    }
  }
}
