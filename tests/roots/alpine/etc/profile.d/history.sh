export HISTSIZE=0
