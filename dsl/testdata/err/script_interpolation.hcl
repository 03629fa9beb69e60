pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = <<-SH
        # ${event.branch} is fine in a comment
        echo "${event.commit}" ${HOME} ${event:-x}
        echo ${job.build.outputs.version} ${local.a-b}
      SH
    }
  }
}
