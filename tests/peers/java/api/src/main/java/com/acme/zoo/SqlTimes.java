package com.acme.zoo;

import java.io.Serializable;
import java.sql.Time;
import java.sql.Timestamp;
import java.util.Date;

/** A row of a table: what a field is declared as decides how Hessian writes it. */
public class SqlTimes implements Serializable {
    private static final long serialVersionUID = 1L;
    private Timestamp created;
    private java.sql.Date day;
    private Time at;
    private Date plain;

    public SqlTimes() {}

    public SqlTimes(Timestamp created, java.sql.Date day, Time at, Date plain) {
        this.created = created;
        this.day = day;
        this.at = at;
        this.plain = plain;
    }

    public Timestamp getCreated() { return created; }
    public void setCreated(Timestamp v) { created = v; }
    public java.sql.Date getDay() { return day; }
    public void setDay(java.sql.Date v) { day = v; }
    public Time getAt() { return at; }
    public void setAt(Time v) { at = v; }
    public Date getPlain() { return plain; }
    public void setPlain(Date v) { plain = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
