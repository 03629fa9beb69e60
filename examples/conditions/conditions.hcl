# What runs, and what does not: values from one activity and job to the next, conditions on them, and what happens after a
# failure. Whatever is skipped says why.
tutti { language = 1 }

pipeline "conditions" {
  on "push" {}
  on "manual" {}
  input "release" {
    description = "Release what was built"
    type        = bool
    default     = false
  }

  job "build" {
    image = "alpine:3.20"
    activity "version" {
      script = "echo 1.4.2 > \"$TUTTI_OUTPUT/version\""
      output "version" { type = string }
    }
    # A warning is not a failure: the job goes on, and is "warned" at its end.
    activity "spelling" {
      allow_failure = true
      script        = "echo 'teh -> the'; exit 1"
    }
    # The version is known only now, just before this activity begins.
    activity "pack" {
      when   = activity.version.outputs.version != ""
      env    = { VERSION = activity.version.outputs.version }
      script = "echo \"app-$VERSION.tar\" > pack.txt; cat pack.txt"
    }
    output "version" { value = activity.version.outputs.version }
  }

  job "docs" {
    when  = event.branch == "main"
    image = "alpine:3.20"
    activity "render" { script = "echo rendering" }
  }

  # "docs" is skipped on branches other than main; "optional" says that this is all right.
  job "publish" {
    needs = [optional(job.docs)]
    when  = input.release && startswith(job.build.outputs.version, "1.")
    image = "alpine:3.20"
    activity "upload" {
      env    = { VERSION = job.build.outputs.version }
      script = "echo \"publishing $VERSION\""
    }
  }

  # Only after a failure.
  job "diagnose" {
    needs  = [job.build]
    run_on = "failed"
    image  = "alpine:3.20"
    activity "look" { script = "echo looking for the reason" }
  }

  # In any case, also when somebody cancels the run. What it reads of a job that may not have run needs a substitute.
  job "notify" {
    needs  = [job.publish]
    run_on = "always"
    image  = "alpine:3.20"
    activity "tell" {
      env    = { TEXT = "build: ${job.build.result}, publish: ${job.publish.result}, version ${coalesce(job.build.outputs.version, "none")}" }
      script = "echo \"$TEXT\""
    }
  }
}
