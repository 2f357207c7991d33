#!/bin/sh
exec xmodmap ~/.Xmodmap
