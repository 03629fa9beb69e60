pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "look" {
      script = "true"
      output "changed" { type = bool }
      output "image" { type = string }
    }
    activity "build" {
      when    = activity.look.outputs.changed
      image   = activity.look.outputs.image
      command = ["build", activity.look.outputs.image]
      output "digest" { type = string }
    }
    activity "report" {
      run_on = "always"
      env    = { LOOK = activity.look.result, BUILD = activity.build.result, DIGEST = coalesce(activity.build.outputs.digest, "none") }
      script = "true"
    }
    output "digest" { value = coalesce(activity.build.outputs.digest, "none") }
  }
}
