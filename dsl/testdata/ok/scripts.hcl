pipeline "ci" {
  on "push" {}
  job "a" {
    image = "debian:12"
    activity "heredoc" {
      script = <<SH
  echo "${HOME:-x}" $$ %{x} "é" \n
SH
    }
    activity "flush" {
      shell  = "bash"
      script = <<-SH
        set -x
        if true; then
          cat <<EOF
          ${X}
EOF
        fi

        echo 'done' # "
      SH
    }
    activity "quoted" { script = "printf '%s\n' \"${A#b}\" \\ $${C}\tx" }
    activity "python" {
      shell  = "none"
      script = <<-PY
        #!/usr/bin/env python3
        print(f"${event.commit} is not ours here")
      PY
    }
    activity "looks_like_the_end" {
      script = <<-END
        echo "} # END"
        END2
      END
    }
  }
}
